import { textWidth } from '../../render/table.ts'
import { layout, rowsOf, type MapRow } from './layout.ts'
import type { MapModel } from './model.ts'
import { classesOf, classReach, Reaches, type Reach } from './reach.ts'
import { containerCells, groupText, networkCells } from './words.ts'

const ROW = 24
const LANE = 20
const MARGIN = 24
/** Of a character of the 13 pixel font. */
const CHARACTER = 7.8
const GAP = 18
const CELL = 20

const PALETTE = ['#0b7285', '#e67700', '#862e9c', '#2b8a3e', '#1864ab', '#c92a2a', '#5c940d', '#a61e4d']
const FILLS: Record<Reach, string> = {
  self: '#dee2e6',
  network: '#2b8a3e',
  port: '#fab005',
  no: '#ffe3e3',
  down: '#f1f3f5',
}

/** The map as one SVG document, without scripts, fonts or anything else from elsewhere. */
export function renderSvg(model: MapModel): string {
  const names = new Map(model.networks.map(one => [one.id, one.name]))
  const parts = layout(model)
  const rows = rowsOf(parts)
  const lanes = Math.max(0, ...parts.map(part => part.lanes.size))
  const cells = rows.map(row =>
    row?.network ? networkCells(row.network) : row?.container ? containerCells(row.container, names) : [],
  )
  const left = MARGIN + lanes * LANE + 8
  const columns = columnStarts(cells, left)
  const shapes: string[] = []
  let y = MARGIN
  for (const [i, row] of rows.entries()) {
    if (row) shapes.push(drawRow(row, cells[i]!, columns, left, y))
    y += row ? ROW : ROW / 2
  }
  const grid = drawMatrix(model, y + ROW)
  const width = Math.ceil(Math.max(columns.at(-1) ?? left, grid.width) + MARGIN)
  const height = Math.ceil(grid.bottom + MARGIN)
  return `<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="ui-monospace, Menlo, Consolas, monospace" font-size="13">
<title>Networks and containers</title>
<rect width="100%" height="100%" fill="#ffffff"/>
${shapes.join('\n')}
${grid.shapes.join('\n')}
</svg>
`
}

function columnStarts(cells: readonly string[][], left: number): number[] {
  const starts = [left]
  for (let column = 0; column < 4; column++) {
    const widest = Math.max(0, ...cells.map(row => textWidth(row[column] ?? '')))
    starts.push(starts[column]! + widest * CHARACTER + (widest > 0 ? GAP : 0))
  }
  return starts
}

function drawRow(row: MapRow, cells: string[], columns: readonly number[], left: number, y: number): string {
  const middle = y + ROW / 2
  const parts: string[] = []
  const at = (lane: number) => MARGIN + lane * LANE
  const colour = (lane: number) => PALETTE[lane % PALETTE.length]!
  const first = row.lanes.indexOf('dot')
  const last = row.lanes.lastIndexOf('dot')
  if (last > first) parts.push(line(at(first), middle, at(last), middle, '#adb5bd', 2))
  for (const [lane, kind] of row.lanes.entries()) {
    if (kind === 'none') continue
    const [top, bottom] = kind === 'begin' ? [middle, y + ROW] : [y, y + ROW]
    parts.push(line(at(lane), top, at(lane), bottom, colour(lane), 3))
    if (kind === 'begin') parts.push(line(at(lane), middle, left - 6, middle, colour(lane), 3))
  }
  const running = row.container?.running ?? false
  for (const [lane, kind] of row.lanes.entries()) {
    if (kind !== 'dot') continue
    const fill = running ? colour(lane) : '#ffffff'
    parts.push(
      `<circle cx="${at(lane)}" cy="${middle}" r="5.5" fill="${fill}" stroke="${colour(lane)}" stroke-width="2"/>`,
    )
  }
  if (row.group) parts.push(text(left, middle, groupText(row.group), '#868e96'))
  const lane = row.lanes.indexOf('begin')
  for (const [column, cell] of cells.entries()) {
    if (cell === '') continue
    const ink = row.network ? colour(Math.max(0, lane)) : running ? '#212529' : '#868e96'
    parts.push(text(columns[column]!, middle, cell, ink, row.network !== undefined && column === 0))
  }
  const named = row.network?.name ?? row.container?.name
  return `<g${named === undefined ? '' : ` data-name="${escape(named)}"`}>${parts.join('')}</g>`
}

function drawMatrix(model: MapModel, top: number): { shapes: string[]; width: number; bottom: number } {
  if (model.containers.length === 0) return { shapes: [], width: 0, bottom: top }
  const reaches = new Reaches(model)
  const classes = classesOf(model, 40)
  const labels = classes.map((one, i) => `${i + 1} ${one.label}`)
  const left = MARGIN + Math.max(...labels.map(textWidth)) * CHARACTER + GAP
  const shapes = [text(MARGIN, top, 'Who reaches whom: rows reach columns', '#212529', true)]
  const first = top + ROW * 1.5
  for (const [i, from] of classes.entries()) {
    const y = first + i * CELL
    shapes.push(text(MARGIN, y + CELL / 2, labels[i]!, '#212529'))
    shapes.push(text(left + i * CELL + 3, first - 8, String(i + 1), '#868e96'))
    for (const [j, to] of classes.entries()) {
      const reach = classReach(reaches, from, to)
      const title = `${from.label} → ${to.label}: ${WORDS[reach]}`
      shapes.push(
        `<rect x="${round(left + j * CELL)}" y="${round(y)}" width="${CELL - 2}" height="${CELL - 2}" rx="3" fill="${FILLS[reach]}"><title>${escape(title)}</title></rect>`,
      )
    }
  }
  let bottom = first + classes.length * CELL + ROW
  let x = MARGIN
  for (const reach of ['network', 'port', 'no', 'down'] as const) {
    shapes.push(`<rect x="${round(x)}" y="${round(bottom - 9)}" width="18" height="18" rx="3" fill="${FILLS[reach]}"/>`)
    shapes.push(text(x + 24, bottom, WORDS[reach], '#495057'))
    x += 24 + textWidth(WORDS[reach]) * CHARACTER + GAP
  }
  bottom += ROW / 2
  return { shapes, width: Math.max(x, left + classes.length * CELL), bottom }
}

const WORDS: Record<Reach, string> = {
  self: 'itself',
  network: 'reaches',
  port: 'its published ports only',
  no: 'does not',
  down: 'not running',
}

const round = (value: number): number => Math.round(value * 10) / 10

const line = (x1: number, y1: number, x2: number, y2: number, colour: string, width: number): string =>
  `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="${colour}" stroke-width="${width}"/>`

const text = (x: number, y: number, words: string, fill: string, bold = false): string =>
  `<text x="${round(x)}" y="${round(y)}" dominant-baseline="middle" fill="${fill}"${bold ? ' font-weight="bold"' : ''}>${escape(words)}</text>`

/** Characters that XML has no way to write are dropped. */
function escape(words: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
  // oxlint-disable-next-line no-control-regex
  return words.replace(/[\x00-\x08\x0b\x0c\x0e-\x1f]/g, '').replace(/[&<>"']/g, character => entities[character]!)
}
