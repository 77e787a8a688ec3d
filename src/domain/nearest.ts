/** What was probably meant. */

/** "did you mean `delay`?", or the list of what there is. */
export function nearest(wrong: string, known: Iterable<string>): string {
  const names = [...known]
  const ranked = names.map(name => ({ name, distance: editDistance(wrong.toLowerCase(), name.toLowerCase()) }))
  const best = ranked.sort((a, b) => a.distance - b.distance)[0]
  if (best && best.distance <= Math.max(1, Math.floor(wrong.length / 3))) return `Did you mean \`${best.name}\`?`
  return names.length === 0 ? 'There is none.' : `There is ${names.map(name => `\`${name}\``).join(', ')}.`
}

/** Levenshtein's distance, two rows at a time. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const substituted = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      row.push(Math.min(substituted, previous[j]! + 1, row[j - 1]! + 1))
    }
    previous = row
  }
  return previous[b.length]!
}
