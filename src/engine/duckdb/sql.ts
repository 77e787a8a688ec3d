/** Names, texts and paths in SQL. */

/** A quoted name. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A quoted text. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** A list of files. The engine reads names as patterns, so what would be a wildcard in one is put into brackets. */
export function fileList(paths: readonly string[]): string {
  return `[${paths.map(path => literal(path.replace(/[[*?]/g, '[$&]'))).join(', ')}]`
}
