import { duckdbEngine } from '../src/engine/duckdb/duckdbEngine.ts'
import type { DuckDBOptions } from '../src/engine/duckdb/session.ts'
import { describeEngine } from './conformance/engine.ts'
import { describeLogs } from './conformance/logs.ts'
import { describeMeasures } from './conformance/measures.ts'

const make = (options: Pick<DuckDBOptions, 'scratchDir' | 'threads'>) => duckdbEngine({ memory: 2 ** 30, ...options })

describeEngine('duckdb', make)
describeMeasures('duckdb', make)
describeLogs('duckdb', make)
