/** `quern show`: one version whole. */

import { typeName } from '../../domain/columnType.ts'
import { DataError, EXIT } from '../../domain/errors.ts'
import { lineageOf } from '../../domain/lineage.ts'
import { etagIn } from '../../domain/source.ts'
import { formatInstant } from '../../domain/time.ts'
import { recordedFiles } from '../../run/recordedInputs.ts'
import { resolveRef } from '../../run/resolveRef.ts'
import type { CommandContext } from '../command.ts'
import { errorText } from '../errorText.ts'
import { resultText } from '../expectationText.ts'
import { bytes, counted, note, number, printJson, printLine, strong, tableText } from '../output.ts'

/** An object is known by its ETag, a file by what its bytes hash to. */
function hashText(hash: string): string {
  const etag = etagIn(hash)
  return etag === undefined ? `sha256 ${hash.slice(0, 12)}` : `ETag ${etag}`
}

export async function show({ app: build, args, flags }: CommandContext): Promise<number> {
  const { store, config } = await build()
  const { name, table, snapshot } = await resolveRef(store, args[0]!)
  const lineage = lineageOf(snapshot.lineage)
  // The rest of the version is to be seen all the same.
  const inputs = await (lineage ? recordedFiles(table, lineage) : Promise.resolve([])).catch(error => {
    if (!(error instanceof DataError)) throw error
    note(errorText(error))
    return null
  })
  const rows = snapshot.files.reduce((sum, file) => sum + file.rows, 0)
  const size = snapshot.files.reduce((sum, file) => sum + file.size, 0)
  if (flags.json) {
    printJson({
      name,
      version: snapshot.version,
      committedAt: formatInstant(snapshot.committedAt),
      rows,
      bytes: size,
      uri: table.uri,
      columns: snapshot.columns.map(({ type, ...column }) => ({ ...column, type: typeName(type) })),
      files: snapshot.files.map(({ path, size: fileSize, rows: fileRows }) => ({ path, size: fileSize, rows: fileRows })),
      lineage: snapshot.lineage ?? null,
      inputs: inputs?.map(({ path, hash, size: inputSize }) => ({ path, hash, size: inputSize })) ?? null,
    })
    return EXIT.done
  }
  printLine(
    `${strong(`${name}@${snapshot.version}`)}  ${counted(rows, 'row')}, ${bytes(size)} in ${counted(snapshot.files.length, 'file')}, committed ${formatInstant(snapshot.committedAt)}`,
  )
  if (lineage) {
    if (lineage.definition.description) printLine(lineage.definition.description)
    const { rowsRead, rowsRejected, cutoffs, versions, code, reason, seconds } = lineage
    printLine(`  why        ${reason}`)
    printLine(
      `  rows       ${number(rowsRead)} read, ${number(rowsRejected)} rejected, ${number(lineage.rowsWritten)} written, ${seconds.toFixed(1)} s`,
    )
    for (const result of lineage.expectations ?? []) printLine(`  expected   ${resultText(result)}`)
    if (cutoffs) printLine(`  cutoffs    ${number(cutoffs.count)} from ${cutoffs.from} to ${cutoffs.to}`)
    printLine(
      `  computed   by quern ${versions.quern} with ${versions.engine} on Node ${versions.node}${code ? `, code ${code}` : ''}`,
    )
    for (const input of inputs?.slice(0, 10) ?? [])
      printLine(`  input      ${input.path}  ${bytes(input.size)}  ${hashText(input.hash)}`)
    if (inputs && inputs.length > 10) printLine(`  input      and ${number(inputs.length - 10)} more`)
  }
  printLine('')
  const columns = snapshot.columns.map(({ name: column, type, comment }) => [column, typeName(type), comment ?? ''])
  printLine(tableText(['column', 'type', 'what'], columns, new Set()))
  printLine('')
  const { endpoint } = config.s3
  const options = { AWS_ENDPOINT_URL: endpoint, ...(endpoint?.startsWith('http:') ? { AWS_ALLOW_HTTP: 'true' } : {}) }
  const reached = endpoint !== undefined && config.store.kind === 's3' ? `, storage_options=${JSON.stringify(options)}` : ''
  printLine(`python: import polars as pl; pl.read_delta(${JSON.stringify(table.uri)}, version=${snapshot.version}${reached})`)
  return EXIT.done
}
