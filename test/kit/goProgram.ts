/** Programs of Go that tests need, installed once in the repository. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { installedOnce, orMissing, TOOLS } from './tool.ts'

export interface GoProgram {
  name: string
  /** What `go install` is told, with the version. */
  module: string
  version: string
}

/** The program, or why there is none. On a build server that is an error. */
export function goProgram(
  { name, module, version }: GoProgram,
  tools = TOOLS,
): Promise<{ binary: string } | { missing: string }> {
  return orMissing(`${name} ${version}`, async () => ({
    binary: await installedOnce(join(tools, `${name}-${version}`), name, GOBIN =>
      promisify(execFile)('go', ['install', module], { env: { ...process.env, GOBIN } }),
    ),
  }))
}
