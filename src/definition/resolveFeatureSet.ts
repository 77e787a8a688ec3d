/** A feature set as declared, resolved into plain data, or all of its faults at once. */
import { createHash } from 'node:crypto'
import { typeName } from '../domain/columnType.ts'
import type { Fault } from '../domain/errors.ts'
import type { FeatureColumn, FeatureSet, Window } from '../domain/featureSet.ts'
import { AGGREGATIONS } from '../domain/featureSet.ts'
import { ARCHIVE_COLUMNS } from '../domain/kafkaSource.ts'
import { nearest } from '../domain/nearest.ts'
import type { Field } from '../domain/schema.ts'
import type { SourceDefinition } from '../domain/source.ts'
import { gateOf } from '../domain/source.ts'
import type { Duration } from '../domain/time.ts'
import { parseDuration } from '../domain/time.ts'
import type { FeatureDeclaration } from './aggregations.ts'
import { operandOf } from './columns.ts'
import type { FeatureSetDeclaration } from './declarations.ts'
import { columnProxy } from './declarations.ts'
import { isName, nameHint, shown, unknownOptions } from './options.ts'
import { resolveExpectations } from './resolveExpectations.ts'
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
  if (typeof options !== 'object' || options === null) {
    const fault = { message: 'has no options', hint: 'Write `defineFeatureSet({ name: ... })`.', code: 'definition.feature-set' }
    return { faults: [{ place: context.place, ...fault }] }
  }
  const faults: Fault[] = []
  const report = (part: string, fault: TypeFault): void => {
    faults.push({ place: `${context.place}: ${part}`, ...fault })
  }
  const fault = (part: string, message: string, hint: string): void =>
    report(part, { message, hint, code: 'definition.feature-set' })

  for (const option of unknownOptions(options, OPTIONS)) fault(option, 'there is no such option', nearest(option, OPTIONS))
  if (!isName(options.name)) fault('name', `\`${shown(options.name)}\` is no name`, nameHint(options.name))
  if (options.description !== undefined && typeof options.description !== 'string')
    fault('description', `\`${shown(options.description)}\` is no text`, 'Write a sentence in quotes.')
  const declared = resolveSource(options.source, context.projectDir, (part, problem) =>
    report(`source \`${shown(options.source?.options?.name)}\`: ${part}`, problem),
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
  if (!(typeof maxRejected === 'number' && maxRejected >= 0 && maxRejected <= 1))
    fault('maxRejected', `\`${maxRejected}\` is no share`, 'Give a number from 0 to 1, such as 0.01.')
  const source = declared && known(declared, options.late)
  const late = options.late ?? (source?.knownTime === undefined ? 'restate' : 'asKnown')
  if (late !== 'restate' && late !== 'asKnown') fault('late', `\`${late}\` is no policy`, "Write 'restate' or 'asKnown'.")
  if (late === 'asKnown' && source && source.knownTime === undefined)
    fault(
      'late',
      `'asKnown' needs to know when rows became known`,
      "Declare the source's `knownTime`, or write `late: 'restate'`.",
    )
  // What an archive adds to a row is for the run to know, and no feature's.
  const declaredFields =
    source && gateOf(source).fields.flatMap(({ name }) => source.schema.fields.filter(field => field.name === name))
  const columnNames = declaredFields?.map(({ name }) => name)
  const expectations = resolveExpectations(options.expect, columnNames, report)
  if (!source || !declaredFields) return { faults }

  const fields = new Map(declaredFields.map(field => [field.name, field]))
  const entity = resolveEntity(options.entity, fields, fault)
  const columns = resolveFeatures(declaration, fields, report)
  checkNames(
    entity.map(({ name }) => name),
    columns,
    fault,
  )
  const lateness = options.lateness === undefined ? undefined : duration('lateness', 0n)
  if (faults.length > 0) return { faults }
  const kind = 'featureSet' as const
  const set = { kind, name: options.name, source, entity, ...times, late, maxRejected, expectations, columns }
  return {
    set: {
      ...set,
      ...(options.description === undefined ? {} : { description: options.description }),
      ...(lateness === undefined ? {} : { lateness }),
      fingerprint: fingerprintOf(set),
      apart: fingerprintOf({ ...set, source: { ...source, schema: { ...source.schema, fingerprint: '' } } }),
    },
  }
}

/** A row of an archive became known when it landed, where a set asks for just that and the source declares nothing else. */
function known(source: SourceDefinition, late: unknown): SourceDefinition {
  const isAsked = source.kind === 'kafka' && source.knownTime === undefined && late === 'asKnown'
  return isAsked ? { ...source, knownTime: ARCHIVE_COLUMNS.landedAt, landed: true } : source
}

const OPTIONS = [
  'name',
  'description',
  'source',
  'entity',
  'every',
  'offset',
  'delay',
  'late',
  'lateness',
  'maxRejected',
  'expect',
  'features',
]

/** A feature set that mistypes a helper fails where it is called. */
function featuresFault(error: unknown): TypeFault {
  const message = error instanceof Error ? error.message : String(error)
  const unknown = /^(\w+) is not defined$/.exec(message)?.[1]
  return {
    message: `the function failed: ${message}`,
    hint: unknown
      ? `Import it from 'quern'. ${nearest(unknown, AGGREGATIONS)}`
      : 'It is called once, with the columns: features: f => ({ ... }).',
    code: 'definition.features',
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
    if (field && /^__/.test(name))
      fault('entity', `\`${name}\` cannot be a key`, 'Names that begin with `__` are kept for quern itself.')
    if (!field) fault('entity', `there is no column \`${shown(name)}\``, nearest(String(shown(name)), fields.keys()))
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
    report('features', featuresFault(error))
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
  if (!NAME.test(name)) report({ message: 'is no name', hint: nameHint(name), code: 'definition.name' })
  if (!Array.isArray(feature?.windows) || feature.windows.length === 0) {
    report({ message: 'has no windows', hint: "End it with `.over('7d')`.", code: 'definition.window' })
    return []
  }
  const { aggregation, condition } = feature
  const windows = feature.windows.flatMap(label => resolveWindow(label, report))
  const inputType = aggregation.input && typeOf(aggregation.input, fields, report)
  const where = condition === undefined ? undefined : operandOf(condition)
  const whereType = where && typeOf(where, fields, report)
  if (whereType && whereType.kind !== 'boolean') {
    report({
      message: `\`where\` needs a condition, not ${typeName(whereType)}`,
      hint: 'Write one such as `f.amount.gt(10)`.',
      code: 'definition.where',
    })
  }
  if (aggregation.input && !inputType) return []
  const type = resultType(aggregation, inputType, fields)
  if ('message' in type) {
    report(type)
    return []
  }
  const repeated = feature.windows.find((label, at) => feature.windows.indexOf(label) !== at)
  if (repeated)
    report({ message: `window \`${repeated}\` stands twice`, hint: 'Name each window once.', code: 'definition.window' })
  return windows
    .filter((window, at) => windows.findIndex(({ label }) => label === window.label) === at)
    .map(window => ({
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
  report({ message: `\`${label}\` is no window`, hint: `${DURATION_HINT} Or 'lifetime'.`, code: 'definition.window' })
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
function fingerprintOf(set: Omit<FeatureSet, 'fingerprint' | 'apart'>): string {
  const { source } = set
  const meaning = {
    source: { ...sourceMeaning(source), name: source.name },
    entity: set.entity,
    grid: [set.every, set.offset, set.delay, set.late],
    columns: set.columns.map(({ name, aggregation, where, window }) => ({ name, aggregation, where, window: window.length })),
  }
  return hashOf(meaning)
}

function sourceMeaning(source: SourceDefinition): object {
  const { schema, eventTime, knownTime, landed, rowKey, position, retracts, zone, csv } = source
  return { schema: schema.fingerprint, eventTime, knownTime, landed, rowKey, position, retracts, zone, csv }
}

/** Equal for two declarations of one source, wherever they stand. */
export function sourceFingerprint(source: SourceDefinition): string {
  if (source.kind === 'kafka') {
    const { landing, knownTime, landed } = source
    // That a set goes by the moment of landing is its own affair.
    const declared = { knownTime: landed ? undefined : knownTime, landed: undefined }
    return hashOf({ ...sourceMeaning(source), ...declared, ...landing, schema: landing.schema.fingerprint })
  }
  const { uri, allowEmpty, listing, inventory } = source
  return hashOf({ ...sourceMeaning(source), uri, allowEmpty, listing, inventory })
}

function hashOf(value: unknown): string {
  const json = JSON.stringify(value, (_, member) => (typeof member === 'bigint' ? `${member}n` : member))
  return createHash('sha256').update(json).digest('hex')
}
