/** A feature set as declared, resolved into plain data, or all of its faults at once. */
import { createHash } from 'node:crypto'
import type { Fault } from '../domain/errors.ts'
import type { FeatureColumn, FeatureSet, Window } from '../domain/featureSet.ts'
import type { Field } from '../domain/schema.ts'
import type { ObjectsSource } from '../domain/source.ts'
import type { Duration } from '../domain/time.ts'
import { parseDuration } from '../domain/time.ts'
import type { FeatureDeclaration } from './aggregations.ts'
import type { FeatureSetDeclaration } from './declarations.ts'
import { columnProxy } from './declarations.ts'
import { nearest } from './nearest.ts'
import { resolveSource } from './resolveSource.ts'
import type { TypeFault } from './typing.ts'
import { resultType, typeOf } from './typing.ts'

const NAME = /^[a-z][a-z0-9_]*$/
const DURATION_HINT = 'A duration is <n> with ms, s, m, h or d, such as 7d.'

export function resolveFeatureSet(
  declaration: FeatureSetDeclaration,
  context: { place: string; projectDir: string },
): { set: FeatureSet } | { faults: Fault[] } {
  const { options } = declaration
  const faults: Fault[] = []
  const report = (part: string, fault: TypeFault): void => {
    faults.push({ place: `${context.place}: ${part}`, ...fault })
  }
  const fault = (part: string, message: string, hint: string): void =>
    report(part, { message, hint, code: 'definition.feature-set' })

  if (!NAME.test(String(options.name)))
    fault('name', `\`${options.name}\` is no name`, 'Names are a-z, 0-9 and _, from a letter on.')
  const source = resolveSource(options.source, context.projectDir, (part, problem) =>
    report(`source \`${options.source?.options?.name}\`: ${part}`, problem),
  )
  const duration = (part: 'every' | 'offset' | 'delay' | 'lateness', fallback: Duration): Duration => {
    const text = options[part]
    if (text === undefined && part !== 'every') return fallback
    const parsed = parseDuration(String(text))
    if (parsed === undefined || (part === 'every' && parsed === 0n))
      fault(part, `\`${text}\` is no duration${parsed === 0n ? ' above 0' : ''}`, DURATION_HINT)
    return parsed ?? fallback
  }
  const times = { every: duration('every', 1n), offset: duration('offset', 0n), delay: duration('delay', 0n) }
  const maxRejected = options.maxRejected ?? 0
  if (!(maxRejected >= 0 && maxRejected <= 1))
    fault('maxRejected', `\`${maxRejected}\` is no share`, 'Give a number from 0 to 1.')
  const late = options.late ?? (source?.knownTime === undefined ? 'restate' : 'asKnown')
  if (late !== 'restate' && late !== 'asKnown') fault('late', `\`${late}\` is no policy`, "Write 'restate' or 'asKnown'.")
  if (late === 'asKnown' && source && source.knownTime === undefined)
    fault(
      'late',
      `'asKnown' needs to know when rows became known`,
      "Declare the source's `knownTime`, or write `late: 'restate'`.",
    )
  if (!source) return { faults }

  const fields = new Map(source.schema.fields.map(field => [field.name, field]))
  const entity = resolveEntity(options.entity, fields, fault)
  const columns = resolveFeatures(declaration, fields, report)
  checkNames(
    entity.map(({ name }) => name),
    columns,
    fault,
  )
  const lateness = options.lateness === undefined ? undefined : duration('lateness', 0n)
  if (faults.length > 0) return { faults }
  const set = { kind: 'featureSet' as const, name: options.name, source, entity, ...times, late, maxRejected, columns }
  return {
    set: {
      ...set,
      ...(options.description === undefined ? {} : { description: options.description }),
      ...(lateness === undefined ? {} : { lateness }),
      fingerprint: fingerprintOf(set),
    },
  }
}

function resolveEntity(
  names: readonly string[],
  fields: ReadonlyMap<string, Field>,
  fault: (part: string, message: string, hint: string) => void,
): FeatureSet['entity'] {
  if (!Array.isArray(names) || names.length === 0) {
    fault('entity', 'names no column', "Name the key's columns: entity: ['origin'].")
    return []
  }
  return names.flatMap((name, at) => {
    const field = fields.get(name)
    if (!field) fault('entity', `there is no column \`${name}\``, nearest(name, fields.keys()))
    if (names.indexOf(name) !== at) fault('entity', `\`${name}\` is named twice`, 'Name each column once.')
    return field ? [{ name, type: field.type }] : []
  })
}

function resolveFeatures(
  { options }: FeatureSetDeclaration,
  fields: ReadonlyMap<string, Field>,
  report: (part: string, fault: TypeFault) => void,
): FeatureColumn[] {
  const proxy = columnProxy(name => fields.get(name)?.type.kind === 'boolean')
  let features: Record<string, FeatureDeclaration>
  try {
    features = options.features(proxy as Parameters<typeof options.features>[0])
  } catch (error) {
    report('features', { message: `the function failed: ${(error as Error).message}`, code: 'definition.features' })
    return []
  }
  const entries = Object.entries(features ?? {})
  if (entries.length === 0)
    report('features', { message: 'there is none', hint: 'Name at least one feature.', code: 'definition.features' })
  return entries.flatMap(([name, feature]) =>
    resolveFeature(name, feature, fields, fault => report(`feature \`${name}\``, fault)),
  )
}

function resolveFeature(
  name: string,
  feature: FeatureDeclaration,
  fields: ReadonlyMap<string, Field>,
  report: (fault: TypeFault) => void,
): FeatureColumn[] {
  if (!NAME.test(name))
    report({ message: 'is no name', hint: 'Names are a-z, 0-9 and _, from a letter on.', code: 'definition.name' })
  if (!Array.isArray(feature?.windows) || feature.windows.length === 0) {
    report({ message: 'has no windows', hint: "End it with `.over('7d')`.", code: 'definition.window' })
    return []
  }
  const { aggregation, condition } = feature
  const inputType = aggregation.input && typeOf(aggregation.input, fields, report)
  if (aggregation.input && !inputType) return []
  const where = condition?.expression
  const whereType = where && typeOf(where, fields, report)
  if (whereType && whereType.kind !== 'boolean') report({ message: '`where` needs a condition', code: 'definition.where' })
  const type = resultType(aggregation.name, inputType, aggregation.asDecimal === true)
  if ('message' in type) {
    report(type)
    return []
  }
  const windows = feature.windows.flatMap(label => resolveWindow(label, report))
  const repeated = feature.windows.find((label, at) => feature.windows.indexOf(label) !== at)
  if (repeated) report({ message: `window \`${repeated}\` stands twice`, code: 'definition.window' })
  return windows.map(window => ({
    name: `${name}_${window.label}`,
    feature: name,
    aggregation,
    ...(inputType ? { inputType } : {}),
    ...(where ? { where } : {}),
    window,
    type,
  }))
}

function resolveWindow(label: string, report: (fault: TypeFault) => void): Window[] {
  if (label === 'lifetime') return [{ label, length: 'lifetime' }]
  const length = parseDuration(String(label))
  if (length !== undefined && length > 0n) return [{ label, length }]
  report({ message: `window \`${label}\` is none`, hint: `${DURATION_HINT} Or 'lifetime'.`, code: 'definition.window' })
  return []
}

function checkNames(
  entity: readonly string[],
  columns: readonly FeatureColumn[],
  fault: (part: string, message: string, hint: string) => void,
): void {
  const seen = new Map<string, string>([['cutoff', 'cutoff']])
  for (const name of [...entity, ...columns.map(column => column.name)]) {
    const other = seen.get(name.toLowerCase())
    if (other !== undefined)
      fault(`column \`${name}\``, `clashes with \`${other}\``, 'Names must differ by more than their case.')
    seen.set(name.toLowerCase(), name)
  }
}

/** Of all that can change a value or a row: not of names, descriptions, limits, or where the inputs lie. */
function fingerprintOf(set: Omit<FeatureSet, 'fingerprint'>): string {
  const { source } = set
  const meaning = {
    source: { ...sourceMeaning(source), name: source.name },
    entity: set.entity,
    grid: [set.every, set.offset, set.delay, set.late],
    columns: set.columns.map(({ name, aggregation, where, window }) => ({ name, aggregation, where, window: window.length })),
  }
  return hashOf(meaning)
}

function sourceMeaning(source: ObjectsSource): object {
  const { schema, eventTime, knownTime, rowKey, zone, csv } = source
  return { schema: schema.fingerprint, eventTime, knownTime, rowKey, zone, csv }
}

/** Equal for two declarations of one source, wherever they stand. */
export function sourceFingerprint(source: ObjectsSource): string {
  return hashOf({ ...sourceMeaning(source), uri: source.uri, allowEmpty: source.allowEmpty })
}

function hashOf(value: unknown): string {
  const json = JSON.stringify(value, (_, member) => (typeof member === 'bigint' ? `${member}n` : member))
  return createHash('sha256').update(json).digest('hex')
}
