import { duckdbEngine } from '../src/engine/duckdb/duckdbEngine.ts'
import { describeEngine } from './conformance/engine.ts'

describeEngine('duckdb', ({ scratchDir, threads }) => duckdbEngine({ memory: 2 ** 30, threads, scratchDir }))
