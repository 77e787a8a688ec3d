/** Feature sets over topics, resolved as their transform files are. */
import type { FeatureSetDeclaration } from '../../src/definition/declarations.ts'
import { resolveFeatureSet } from '../../src/definition/resolveFeatureSet.ts'
import type { Fault } from '../../src/domain/errors.ts'
import type { FeatureSet } from '../../src/domain/featureSet.ts'
import type { KafkaSource } from '../../src/domain/source.ts'

export function resolved(declaration: unknown): { set: FeatureSet; source: KafkaSource } {
  const result = resolveFeatureSet(declaration as FeatureSetDeclaration, { place: 'x.ts', projectDir: '/project' })
  if ('faults' in result) throw new Error(said(result.faults).join('\n'))
  if (result.set.source.kind !== 'kafka') throw new Error('it reads no topic')
  return { set: result.set, source: result.set.source }
}

/** The faults of a definition, each as `part: message`; none where it has none. */
export function faultsOf(declaration: unknown): string[] {
  const result = resolveFeatureSet(declaration as FeatureSetDeclaration, { place: 'x.ts', projectDir: '/project' })
  return 'faults' in result ? said(result.faults) : []
}

const said = (faults: readonly Fault[]): string[] =>
  faults.map(({ place, message, hint }) => `${place.replace(/^x\.ts: (source `\w*`: )?/, '')}: ${message} | ${hint}`)
