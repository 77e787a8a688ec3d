/** Loading a project's own TypeScript: configuration and definitions. */
import type { ModuleHooks } from 'node:module'
import { registerHooks } from 'node:module'
import { pathToFileURL } from 'node:url'

/** Of the files that are being loaded. */
let hooks: ModuleHooks | undefined
let loading = 0

/** The file's default export. Raises whatever loading it raises. */
export async function importProjectFile(path: string): Promise<unknown> {
  loading++
  hooks ??= resolveQuernToThisEngine()
  try {
    return ((await import(pathToFileURL(path).href)) as { default?: unknown }).default
  } finally {
    loading--
    if (loading === 0) {
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
