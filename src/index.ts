/** All that transforms, schemas and fixtures import. */
export type { DurationText, FeatureDeclaration, SpreadOptions, WindowText } from './definition/aggregations.ts'
export {
  count,
  countDistinct,
  first,
  last,
  lastRow,
  max,
  mean,
  min,
  share,
  stddev,
  sum,
  variance,
} from './definition/aggregations.ts'
export type {
  CaseOptions,
  CaseRow,
  CasesDeclaration,
  ExpectedCase,
  LandedCase,
  Moment,
  RejectedCase,
  RetractionCase,
} from './definition/cases.ts'
export { defineCases } from './definition/cases.ts'
export type { Condition, Operand } from './definition/columns.ts'
export type {
  Columns,
  FeatureSetDeclaration,
  FeatureSetOptions,
  ObjectsDeclaration,
  ObjectsOptions,
  ProjectConfig,
  RowOf,
  SourceDeclaration,
} from './definition/declarations.ts'
export { defineConfig, defineFeatureSet, objects } from './definition/declarations.ts'
export type { ExpectationDeclaration } from './definition/expectations.ts'
export { fresherThan, lateShareBelow, nullShareBelow, rowsBetween, uniqueKey } from './definition/expectations.ts'
export type { KafkaDeclaration, KafkaOptions } from './definition/kafkaDeclaration.ts'
export { kafka } from './definition/kafkaDeclaration.ts'
