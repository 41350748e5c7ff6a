import { table, textWidth } from '../../render/table.ts'
import { layout, rowsOf, type MapRow } from './layout.ts'
import type { MapModel } from './model.ts'
import { classesOf, classReach, Reaches, type Reach } from './reach.ts'
import { containerCells, groupText, networkCells } from './words.ts'

const GREEN = 32
const RED = 31
const YELLOW = 33
const GREY = 90

const COLOURS = [36, 33, 35, 32, 34, 31]

export interface TextOptions {
  /** Columns of the terminal; undefined when the output goes elsewhere. */
  columns?: number
  colour?: boolean
  unicode?: boolean
}

interface Glyphs {
  dot: string
  down: string
  begin: string
  pass: string
  cross: string
  dash: string
}

const UNICODE: Glyphs = { dot: '●', down: '○', begin: '┌', pass: '│', cross: '┼', dash: '─' }
const ASCII: Glyphs = { dot: '*', down: 'o', begin: '+', pass: '|', cross: '+', dash: '-' }

/** Networks and containers as rails and rows, then who reaches whom. */
export function renderText(model: MapModel, options: TextOptions = {}): string {
  const { columns, unicode = true } = options
  const glyphs = unicode ? UNICODE : ASCII
  if (model.networks.length + model.containers.length === 0) return 'nothing to draw\n'
  const paint = (text: string, code: number) =>
    options.colour && text.trim() !== '' ? `\x1b[${code}m${text}\x1b[0m` : text
  const names = new Map(model.networks.map(one => [one.id, one.name]))
  const parts = layout(model)
  // Lanes of a part with very many networks stand close.
  const lanes = Math.max(0, ...parts.map(part => part.lanes.size))
  const step = lanes * 2 > (columns ?? 160) / 3 ? 1 : 2
  const rows = rowsOf(parts)
  // More than half of the terminal would be rails: names say it then.
  const named = lanes * step > (columns ?? Infinity) / 2
  const railWidth = named ? 0 : lanes * step
  const room = columns === undefined ? undefined : Math.max(20, columns - railWidth - 2)
  const cells = rows.map(row => {
    if (row?.network) return networkCells(row.network)
    if (row?.container) {
      const [name = '', state = '', addresses = '', ports = ''] = containerCells(row.container, names)
      if (!named) return [name, state, addresses, ports]
      return [
        name,
        state,
        Object.keys(row.container.addresses)
          .map(id => names.get(id) ?? id)
          .join(' '),
        ports,
      ]
    }
    return []
  })
  const plain = (line: string) => (unicode ? line : line.replaceAll('×', 'x').replaceAll('…', '~'))
  const lines = table(cells, room, 0).split('\n')
  let drawing = ''
  for (const [i, row] of rows.entries()) {
    const rail = row && !named ? rails(row, step, railWidth, glyphs, paint) : ''
    const text = row?.group ? fit(groupText(row.group), room) : (lines[i] ?? '').trimEnd()
    const stopped = row?.container && !row.container.running
    const code = row?.network ? 1 : stopped ? GREY : row?.group ? GREY : 0
    drawing += `${`${rail}${code ? paint(plain(text), code) : plain(text)}`.trimEnd()}\n`
  }
  return drawing + matrix(model, options, paint)
}

function rails(
  row: MapRow,
  step: number,
  width: number,
  glyphs: Glyphs,
  paint: (text: string, code: number) => string,
): string {
  const mark = row.container && !row.container.running ? glyphs.down : glyphs.dot
  const lastDot = row.lanes.lastIndexOf('dot')
  const firstDot = row.lanes.indexOf('dot')
  const joined = (lane: number) => firstDot >= 0 && lane >= firstDot && lane < lastDot
  const drawn = row.lanes.map((lane, index) => {
    const colour = COLOURS[index % COLOURS.length]!
    const glyph = {
      none: joined(index) ? glyphs.dash : ' ',
      pass: joined(index) ? glyphs.cross : glyphs.pass,
      begin: glyphs.begin,
      dot: mark,
    }[lane]
    const fill = step < 2 ? '' : joined(index) || (lane === 'begin' && index < row.lanes.length - 1) ? glyphs.dash : ' '
    return paint(glyph, colour) + (fill === ' ' ? fill : paint(fill, joined(index) ? GREY : colour))
  })
  const begin = row.lanes.indexOf('begin')
  if (begin >= 0 && step === 2) {
    const colour = COLOURS[begin % COLOURS.length]!
    for (let lane = begin + 1; lane < row.lanes.length; lane++) drawn[lane] = paint(glyphs.dash.repeat(2), colour)
    drawn[begin] = paint(glyphs.begin + glyphs.dash, colour)
    const rest = Math.max(0, width - row.lanes.length * step)
    return `${drawn.join('')}${paint(glyphs.dash.repeat(rest), colour)} `
  }
  return `${drawn.join('')}${' '.repeat(Math.max(0, width - row.lanes.length * step))} `
}

function fit(text: string, room: number | undefined): string {
  if (room === undefined || textWidth(text) <= room) return text
  return `${text.slice(0, Math.max(0, room - 1))}…`
}

/** Rows reach columns. Too many for the width are listed instead. */
function matrix(model: MapModel, options: TextOptions, paint: (text: string, code: number) => string): string {
  if (model.containers.length < 1) return ''
  const { columns = 120, unicode = true } = options
  const plain = (line: string) => (unicode ? line : line.replaceAll('×', 'x'))
  const reaches = new Reaches(model)
  const classes = classesOf(model, 16)
  const digits = String(classes.length).length
  const longest = Math.max(...classes.map(one => textWidth(one.label)))
  const label = Math.min(longest, 28, Math.max(10, Math.floor(columns / 3)))
  const head = (i: number) => String(i + 1).padStart(digits)
  const marks: Record<Reach, [text: string, code: number]> = unicode
    ? { self: ['·', GREY], network: ['●', GREEN], port: ['◐', YELLOW], no: ['✗', RED], down: ['○', GREY] }
    : { self: ['.', GREY], network: ['*', GREEN], port: ['p', YELLOW], no: ['x', RED], down: ['o', GREY] }
  const name = (i: number) => `${head(i)} ${fit(plain(classes[i]!.label), label).padEnd(label)}`
  const legend = (['network', 'port', 'no', 'down'] as const)
    .map(
      one =>
        `${marks[one][0]} ${{ network: 'reaches', port: 'its published ports only', no: 'does not', down: 'not running' }[one]}`,
    )
    .join('   ')
  const out = (i: number) => {
    const [first] = classes[i]!.members
    return [reaches.leaves(first!) ? 'out' : '', reaches.entered(first!) ? 'in' : ''].filter(Boolean).join(' ')
  }
  const width = digits + 1 + label + 2 + classes.length * (digits + 1) + 8
  let text = '\nwho reaches whom (rows reach columns)\n'
  if (width <= columns) {
    text += `${' '.repeat(digits + 1 + label + 1)}${classes.map((_, i) => ` ${head(i)}`).join('')}  outside\n`
    for (const [i, from] of classes.entries()) {
      const cells = classes.map(to => {
        const [mark, code] = marks[classReach(reaches, from, to)]
        return ` ${' '.repeat(digits - 1)}${paint(mark, code)}`
      })
      text += `${`${name(i)} ${cells.join('')}  ${out(i)}`.trimEnd()}\n`
    }
  } else {
    for (const [i, from] of classes.entries()) {
      const reached = classes.flatMap((to, j) =>
        ['network', 'port'].includes(classReach(reaches, from, to)) ? [j + 1] : [],
      )
      text += fit(`${name(i)}  ${reached.length > 0 ? ranges(reached) : 'nobody'}  ${out(i)}`.trimEnd(), columns) + '\n'
    }
  }
  return `${text}${fit(legend, options.columns)}\n`
}

/** `1-3 7` */
function ranges(numbers: readonly number[]): string {
  const runs: [number, number][] = []
  for (const number of numbers) {
    const run = runs.at(-1)
    if (run && run[1] === number - 1) run[1] = number
    else runs.push([number, number])
  }
  return runs.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join(' ')
}
