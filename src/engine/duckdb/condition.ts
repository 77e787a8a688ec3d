/** A condition that a person typed: one read-only expression on a table's columns, or a DefinitionError that says why not. */
import type { DuckDBConnection } from '@duckdb/node-api'
import { DefinitionError } from '../../domain/errors.ts'
import { nearest } from '../../domain/nearest.ts'
import type { TableColumn } from '../../domain/tableStore.ts'
import { sqlType } from './expressionSql.ts'
import { identifier, literal } from './sql.ts'
import { firstRow } from './tables.ts'

export async function checkCondition(
  connection: DuckDBConnection,
  condition: string,
  columns: readonly TableColumn[],
): Promise<void> {
  const problem = (await syntaxProblem(connection, condition)) ?? (await meaningProblem(connection, condition, columns))
  if (problem) throw refused(condition, problem)
}

/** What the engine says while it evaluates a condition that is well formed: a text that is no number, a division that fails. */
export function evaluationError(condition: string, cause: Error): DefinitionError | undefined {
  const match = /^(Conversion|Out of Range|Invalid Input|Invalid) Error: (.*)/.exec(cause.message)
  return match ? refused(condition, { message: `cannot be evaluated: ${match[2]}` }, cause) : undefined
}

interface Problem {
  message: string
  hint?: string
}

function refused(condition: string, { message, hint }: Problem, cause?: unknown): DefinitionError {
  return new DefinitionError('definition.where', `--where: \`${condition}\` ${message}`, {
    hint: hint ?? "Write one condition on the table's columns in DuckDB's SQL, such as \"amount_7d > 10 AND customer = 'ada'\".",
    cause,
  })
}

interface SyntaxTree {
  error: boolean
  error_message?: string
  statements?: {
    node: { modifiers: unknown[]; where_clause: unknown; group_expressions: unknown[]; having: unknown; qualify: unknown }
  }[]
}

/** The text alone must be one expression: nothing that closes a parenthesis of ours, no clause behind it, no query within it. */
async function syntaxProblem(connection: DuckDBConnection, condition: string): Promise<Problem | undefined> {
  const [json] = await firstRow(connection, `SELECT json_serialize_sql(${literal(`SELECT 1 WHERE ${condition}`)})::VARCHAR`)
  const tree = JSON.parse(String(json)) as SyntaxTree
  if (tree.error) return { message: `is no condition: ${tree.error_message}` }
  const [only, ...more] = tree.statements!
  const { modifiers, where_clause: where, group_expressions: groups, having, qualify } = only!.node
  if (more.length > 0 || modifiers.length > 0 || groups.length > 0 || having || qualify)
    return { message: 'is more than one expression' }
  const text = JSON.stringify(where)
  if (text.includes('"class":"SUBQUERY"')) return { message: 'holds a query of its own' }
  if (text.includes('"class":"PARAMETER"')) return { message: 'holds a parameter, which has no value' }
  if (text.includes('"class":"WINDOW"')) return { message: 'holds a window function' }
  return undefined
}

async function meaningProblem(
  connection: DuckDBConnection,
  condition: string,
  columns: readonly TableColumn[],
): Promise<Problem | undefined> {
  const typed = columns.map(({ name, type }) => `NULL::${sqlType(type)} AS ${identifier(name)}`)
  try {
    const statement = await connection.prepare(`SELECT (${condition}\n) FROM (SELECT ${typed.join(', ')})`)
    const type = String(statement.columnType(0))
    return type === 'BOOLEAN' || type === '"NULL"' ? undefined : { message: `is a ${type.toLowerCase()}, not a condition` }
  } catch (error) {
    const { message } = error as Error
    const column = /Referenced column "([^"]+)" not found/.exec(message)?.[1]
    if (column !== undefined) {
      const names = columns.map(({ name }) => name)
      return { message: `names a column \`${column}\` that the table lacks`, hint: nearest(column, names) }
    }
    return { message: `is no condition on this table: ${message.split('\n', 1)[0]!.replace(/^[\w ]*Error: /, '')}` }
  }
}
