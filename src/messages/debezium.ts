/** Debezium's change events: the row before and after, and what was done to it. */
import { connectText } from './connectTypes.ts'
import { isObjectText, membersOf } from './members.ts'
import { Refusal } from './refusal.ts'

export interface Change {
  /** A JSON object. Undefined: only the message's key tells which row was deleted. */
  row: string | undefined
  retracts: boolean
}

/** `payload` without the schema that Kafka Connect's JSON may have beside it, with values as that schema says. */
export function withoutSchema(text: string): string {
  if (!isObjectText(text)) return text
  const members = membersOf(text)
  const [schema, payload] = [members.get('schema'), members.get('payload')]
  if (members.size !== 2 || schema === undefined || payload === undefined) return text
  return schema === 'null' ? payload : connectText(schema, payload)
}

/** Of a change event's JSON text. */
export function changeOf(text: string): Change {
  if (!isObjectText(text)) throw new Refusal('envelope', 'No change event of Debezium: not an object')
  const members = membersOf(text)
  const operation = members.get('op')
  switch (operation) {
    case '"c"':
    case '"r"':
    case '"u"':
      return { row: rowOf(members, 'after', operation), retracts: false }
    case '"d"':
      return {
        row: (members.get('before') ?? 'null') === 'null' ? undefined : rowOf(members, 'before', operation),
        retracts: true,
      }
    case '"t"':
      throw new Refusal('envelope', 'Debezium tells that the whole table was truncated (op `t`), which no row says')
    case '"m"':
      throw new Refusal('envelope', "A message of the database's log (op `m`), which is no row")
    case undefined:
      throw new Refusal('envelope', 'No change event of Debezium: it has no `op`')
    default:
      throw new Refusal('envelope', `Debezium has no op \`${operation.slice(0, 50)}\`; it is one of c, r, u, d, t, m`)
  }
}

function rowOf(members: ReadonlyMap<string, string>, side: 'before' | 'after', operation: string): string {
  const row = members.get(side)
  if (!isObjectText(row)) throw new Refusal('envelope', `A change with op ${operation} has no row in \`${side}\``)
  return row
}
