/** Texts of fixture files over the orders of `orders()`. */

/** @param definition from the fixture file to the transform file, without its extension */
export function fixture(cases: Record<string, string>, definition = '../transforms/o'): string {
  const texts = Object.entries(cases).map(([name, options]) => `  ${JSON.stringify(name)}: { ${options} },\n`)
  return `import { defineCases } from 'quern'
import set from '${definition}.ts'

export default defineCases(set as any, {
${texts.join('')}} as any)
`
}

/** An order of ada's in the morning of 2026-01-01, with other columns as written. */
export const order = (more = ''): string =>
  `{ time: '2026-01-01T09:30:00Z', customer: 'ada', amount: 5, currency: 'EUR', ${more} }`

/** Orders of several customers and days. */
export const rows = [
  ['2026-01-01T09:30:00Z', 'ada', 1250, 'EUR'],
  ['2026-01-01T17:05:00Z', 'bob', 300, 'EUR'],
  ['2026-01-02T00:00:00Z', 'ada', 4999, 'USD'],
  ['2026-01-04T12:45:00.25Z', 'ada', 150, 'EUR'],
  ['2026-01-04T12:46:00Z', 'cleo, "c"', 7200, 'USD'],
].map(([time, customer, amount, currency]) => ({ time, customer, amount, currency }))
