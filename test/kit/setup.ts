/** Before each file of tests: generated cases are the same in every run but the soak's. */
import { configureGlobal } from 'fast-check'

const seed = process.env.QUERN_SEED ?? (process.env.QUERN_SOAK ? undefined : '1')
if (seed !== undefined) configureGlobal({ seed: Number(seed) })
