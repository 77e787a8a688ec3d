/** Loading a project's own TypeScript: configuration and definitions. */
import { registerHooks } from 'node:module'
import { pathToFileURL } from 'node:url'

let hooked = false

/** The file's default export. Raises whatever loading it raises. */
export async function importProjectFile(path: string): Promise<unknown> {
  resolveQuernToThisEngine()
  return ((await import(pathToFileURL(path).href)) as { default?: unknown }).default
}

/** Whatever is installed, `import ... from 'quern'` in a project's files means the engine that runs them. */
function resolveQuernToThisEngine(): void {
  if (hooked) return
  hooked = true
  const own = new URL(import.meta.url.endsWith('.ts') ? './index.ts' : './index.js', import.meta.url).href
  registerHooks({
    resolve: (specifier, context, next) => (specifier === 'quern' ? { url: own, shortCircuit: true } : next(specifier, context)),
  })
}
