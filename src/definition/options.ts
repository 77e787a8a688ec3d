/** Options objects that people write: unknown members and names. */

/** Members of `options` that no option is called. A mistyped option would else be left out in silence. */
export function unknownOptions(options: object, known: readonly string[]): string[] {
  return Object.keys(options).filter(option => !known.includes(option))
}

/** How to name it instead. */
export function nameHint(wrong: unknown): string {
  const rule = 'Names begin with a letter and hold a-z, 0-9 and _.'
  const close = String(wrong)
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^[^a-z]+|_+$/g, '')
  return typeof wrong === 'string' && close !== '' ? `${rule} Write \`${close}\`.` : rule
}
