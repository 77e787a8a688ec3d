/** What was probably meant. */

/** "did you mean `delay`?", or the list of what there is. */
export function nearest(wrong: string, known: Iterable<string>): string {
  const names = [...known]
  const ranked = names.map(name => ({ name, distance: editDistance(wrong.toLowerCase(), name.toLowerCase()) }))
  const best = ranked.sort((a, b) => a.distance - b.distance)[0]
  if (best && best.distance <= Math.max(1, Math.floor(wrong.length / 3))) return `Did you mean \`${best.name}\`?`
  return names.length === 0 ? 'There is none.' : `There is ${names.map(name => `\`${name}\``).join(', ')}.`
}

/** Optimal string alignment (Damerau 1964, Levenshtein 1966): letters that are added, left out, replaced, or swapped with the next. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const substituted = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? beforeLast[j - 2]! + 1 : substituted
      row.push(Math.min(substituted, swapped, last[j]! + 1, row[j - 1]! + 1))
    }
    beforeLast = last
    last = row
  }
  return last[b.length]!
}
