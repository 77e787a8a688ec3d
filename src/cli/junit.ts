/** Unit cases as JUnit XML, which build servers read. */
import type { CaseResult } from './caseResult.ts'
import { outcomeOf, reasonText } from './caseResult.ts'

/** A suite for each fixture file, a testcase for each case. */
export function junitXml(results: readonly CaseResult[]): string {
  const files = [...new Set(results.map(({ fixture }) => fixture.file))]
  const suites = files.map(file =>
    suite(
      file,
      results.filter(({ fixture }) => fixture.file === file),
    ),
  )
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites${attributes({ name: 'quern test', ...totals(results) })}>\n${suites.join('')}</testsuites>\n`
}

function suite(file: string, results: readonly CaseResult[]): string {
  return `  <testsuite${attributes({ name: file, ...totals(results) })}>\n${results.map(testcase).join('')}  </testsuite>\n`
}

function totals(results: readonly CaseResult[]): Record<string, string> {
  const count = (outcome: string): string => String(results.filter(result => outcomeOf(result) === outcome).length)
  const seconds = results.reduce((sum, result) => sum + result.seconds, 0)
  return { tests: String(results.length), failures: count('failed'), errors: count('error'), time: seconds.toFixed(3) }
}

function testcase(result: CaseResult): string {
  const { fixture, seconds, differences, error } = result
  const { set, name, file } = fixture
  const start = `    <testcase${attributes({ classname: set ?? file, name: name ?? file, file, time: seconds.toFixed(3) })}`
  const outcome = outcomeOf(result)
  if (outcome === 'ok') return `${start}/>\n`
  const element = outcome === 'failed' ? 'failure' : 'error'
  const message = error?.message.split('\n', 1)[0] ?? `${differences.length} difference${differences.length === 1 ? '' : 's'}`
  return `${start}>\n      <${element}${attributes({ message })}>${escaped(reasonText(result))}</${element}>\n    </testcase>\n`
}

const attributes = (values: Record<string, string>): string =>
  Object.entries(values)
    .map(([name, value]) => ` ${name}="${escaped(value)}"`)
    .join('')

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** XML 1.0 has no way at all to write most control characters and halves of surrogate pairs: they become U+FFFD. */
function escaped(text: string): string {
  return text
    .replaceAll(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replaceAll(/[&<>"]/g, char => ENTITIES[char]!)
    .replaceAll(/[\t\n\r]/g, char => `&#${char.charCodeAt(0)};`)
}
