/** Loading a project's own TypeScript: configuration and definitions. */
import type { ModuleHooks } from 'node:module'
import { registerHooks } from 'node:module'
import { pathToFileURL } from 'node:url'

/** Of the files that are being loaded. */
let hooks: ModuleHooks | undefined
const loading = new Set<() => void>()

/** Nothing is left that could settle anything, and the process would end. */
const refuseAll = (): void => {
  for (const refuse of loading) refuse()
}

/** The file's default export. Raises whatever loading it raises. */
export async function importProjectFile(path: string): Promise<unknown> {
  hooks ??= resolveQuernToThisEngine()
  const stuck = Promise.withResolvers<never>()
  const refuse = (): void => stuck.reject(new Error('a top-level `await` in it waits for what never happens'))
  if (loading.size === 0) process.on('beforeExit', refuseAll)
  loading.add(refuse)
  try {
    return ((await Promise.race([import(pathToFileURL(path).href), stuck.promise])) as { default?: unknown }).default
  } finally {
    loading.delete(refuse)
    if (loading.size === 0) {
      process.off('beforeExit', refuseAll)
      // What is loaded later is none of the project's, and there is much of it.
      hooks?.deregister()
      hooks = undefined
    }
  }
}

/** Whatever is installed, `import ... from 'quern'` in a project's files means the engine that runs them. */
function resolveQuernToThisEngine(): ModuleHooks {
  const own = new URL(import.meta.url.endsWith('.ts') ? './index.ts' : './index.js', import.meta.url).href
  return registerHooks({
    resolve: (specifier, context, next) => (specifier === 'quern' ? { url: own, shortCircuit: true } : next(specifier, context)),
  })
}
