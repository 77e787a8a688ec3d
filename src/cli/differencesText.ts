/** Differences between rows as people read them. */
import type { Value } from '../domain/columnType.ts'
import type { Differences } from '../domain/engine.ts'
import type { TableColumn } from '../domain/tableStore.ts'
import { cellText, counted, number } from './output.ts'

/** @param sides what the left and the right side are called */
export function differencesText(
  { added, removed, changed, columns, examples }: Differences,
  types: readonly TableColumn[],
  [left, right]: [string, string],
): string {
  const isInstant = (name: string): boolean => types.find(column => column.name === name)?.type.kind === 'timestamp'
  const cell = (name: string, value: Value): string => (value === null ? 'null' : cellText(value, isInstant(name)))
  const lines = [`rows: ${number(added)} only ${right}, ${number(removed)} only ${left}, ${number(changed)} with other values`]
  for (const { name, rows, largest } of columns) {
    lines.push(`  ${name}: ${counted(rows, 'row')}${largest === null ? '' : `, by at most ${Number(largest.toPrecision(6))}`}`)
  }
  for (const { key, left: a, right: b } of examples) {
    const row = key.map(({ name, value }) => cell(name, value)).join(' @ ')
    if (!a || !b) lines.push(`  ${row}: only ${a ? left : right}`)
    else {
      const moved = Object.keys(a).filter(name => a[name] !== b[name])
      const move = (name: string): string => {
        const [before, after] = [cell(name, a[name]!), cell(name, b[name]!)]
        // What is shown in six digits may differ only in later ones.
        return before === after ? `${name} ${a[name]} -> ${b[name]}` : `${name} ${before} -> ${after}`
      }
      lines.push(`  ${row}: ${moved.map(move).join(', ')}`)
    }
  }
  return lines.join('\n')
}
