/** Names, texts and paths in SQL. */

/** A quoted name. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A quoted text. */
export function literal(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`
  // The parser takes NUL for the end.
  return text.includes('\0') ? `(${quoted.replaceAll('\0', "' || chr(0) || '")})` : quoted
}

/** A list of files. The engine reads names as patterns, so what would be a wildcard in one is put into brackets. */
export function fileList(paths: readonly string[]): string {
  return `[${paths.map(path => literal(path.replace(/[[*?]/g, '[$&]'))).join(', ')}]`
}
