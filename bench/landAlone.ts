/** Lands the topics of the project in the current folder, and computes nothing: what the peer of the job `kafka` does. */
import { createApp } from '../src/app.ts'
import { loadDefinitions } from '../src/registry.ts'
import { Landings } from '../src/run/landings.ts'

const [store, most] = process.argv.slice(2)
const signal = new AbortController().signal
const app = await createApp({ store: `file:${store}` }, signal)
const landings = new Landings(app)
for (const { source } of await loadDefinitions(app.config.projectDir)) {
  if (source.kind !== 'kafka') continue
  const options = { acceptLoss: false, maxRejected: undefined, onProgress: () => {}, signal }
  const { result } = await landings.land(source, options)
  if (result.rows !== Number(most)) throw new Error(`${result.rows} rows have landed, ${most} were expected`)
}
await app.close()
