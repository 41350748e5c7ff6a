/** Plain order of code units, as Go sorts; localeCompare would load the tables of a language for it. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
