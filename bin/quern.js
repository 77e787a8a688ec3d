#!/usr/bin/env node
// Plain JavaScript that any Node can read: it tells which Node quern needs before a line of quern is loaded.
import { existsSync } from 'node:fs'
import * as module from 'node:module'

const NEEDED = 24
if (Number(process.versions.node.split('.')[0]) < NEEDED) {
  console.error(`quern needs Node ${NEEDED} or newer; this is Node ${process.versions.node} (${process.execPath}).`)
  const brought = existsSync(`${process.cwd()}/node_modules/node/bin/node`)
  console.error(
    brought
      ? 'The project brings its own: run `npx quern`, or node_modules/node/bin/node node_modules/.bin/quern.'
      : 'Install it from nodejs.org, or add it to the project: npm install --save-dev node@24',
  )
  process.exit(2)
}
module.enableCompileCache()
const source = new URL('../src/cli/main.ts', import.meta.url)
await import(existsSync(source) ? source.href : new URL('../dist/cli/main.js', import.meta.url).href)
