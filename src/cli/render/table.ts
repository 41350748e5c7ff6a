const MINIMUM = 10
const PADDING = 3

/** Columns a character takes; enough for what container names and commands hold. */
export function textWidth(text: string): number {
  let width = 0
  for (const character of text) {
    const code = character.codePointAt(0)!
    if (code === 0x200b || (code >= 0x300 && code <= 0x36f)) continue
    const wide =
      (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) || (code >= 0xac00 && code <= 0xd7a3)
    width += wide || (code >= 0xf900 && code <= 0xfaff) || (code >= 0xff00 && code <= 0xff60) || code >= 0x1f300 ? 2 : 1
  }
  return width
}

/**
 * Lines up cells as Go's tabwriter does for Docker: at least 10 wide, 3 between, the last cell of a line open.
 * @param minimum width of every column but the last
 * @param columns width of the terminal; the widest cells are cut so that lines fit
 */
export function table(rows: readonly (readonly string[])[], columns?: number, minimum = MINIMUM): string {
  const widths: number[] = []
  for (const row of rows) {
    row.forEach((cell, i) => {
      const last = i === row.length - 1
      widths[i] = Math.max(widths[i] ?? 0, textWidth(cell) + (last ? 0 : PADDING), last ? 0 : minimum)
    })
  }
  if (columns !== undefined) shrink(widths, rows[0] ?? [], columns)
  const lines = rows.map(row =>
    row
      .map((cell, i) => {
        const last = i === row.length - 1
        const shown = cut(cell, columns === undefined ? Infinity : widths[i]! - (last ? 0 : PADDING))
        return last ? shown : shown + ' '.repeat(Math.max(0, widths[i]! - textWidth(shown)))
      })
      .join(''),
  )
  return lines.map(line => `${line}\n`).join('')
}

/** Takes columns from the widest until the line fits; never below its heading. */
function shrink(widths: number[], headings: readonly string[], columns: number): void {
  const floor = widths.map((width, i) => Math.min(width, Math.max(MINIMUM, textWidth(headings[i] ?? '')) + PADDING))
  let excess = widths.reduce((sum, width) => sum + width, 0) - columns
  while (excess > 0) {
    let widest = -1
    for (let i = 0; i < widths.length; i++) {
      if (widths[i]! > floor[i]! && (widest < 0 || widths[i]! > widths[widest]!)) widest = i
    }
    if (widest < 0) return
    widths[widest]!--
    excess--
  }
}

function cut(cell: string, width: number): string {
  if (textWidth(cell) <= width) return cell
  let shown = ''
  for (const character of cell) {
    if (textWidth(shown + character) > width - 1) break
    shown += character
  }
  return `${shown}…`
}
