import { compareText } from '../render/order.ts'

/** Levenshtein distance. */
export function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}

/** Names that a typo may have meant, nearest first: at most two edits away, or starting with what was typed. */
export function suggest(typed: string, names: Iterable<string>): string[] {
  const limit = typed.length <= 3 ? 1 : 2
  return Array.from(new Set(names), name => ({ name, edits: distance(typed.toLowerCase(), name) }))
    .filter(({ name, edits }) => edits <= limit || (typed.length > 1 && name.startsWith(typed.toLowerCase())))
    .sort((a, b) => a.edits - b.edits || compareText(a.name, b.name))
    .slice(0, 3)
    .map(({ name }) => name)
}
