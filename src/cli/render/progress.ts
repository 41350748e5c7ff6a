import type { JsonMessage } from '#wire/index.ts'
import { humanSize } from './units.ts'

export interface ProgressPrinter {
  line(message: JsonMessage): void
  /** Leaves the cursor below everything. */
  end(): void
}

/**
 * Shows a progress stream: on a terminal one line an id, rewritten in place with a bar; elsewhere each change of status
 * once, without the numbers in between.
 */
export function progressPrinter(out: NodeJS.WriteStream, options: { quiet: boolean }): ProgressPrinter {
  if (options.quiet) return { line: () => {}, end: () => {} }
  return out.isTTY ? new Bars(out) : new PlainLines(out)
}

class PlainLines implements ProgressPrinter {
  readonly #out: NodeJS.WriteStream
  readonly #last = new Map<string, string>()

  constructor(out: NodeJS.WriteStream) {
    this.#out = out
  }

  line(message: JsonMessage): void {
    if (message.stream !== undefined) {
      this.#out.write(message.stream)
      return
    }
    const { id = '', status } = message
    if (status === undefined || this.#last.get(id) === status) return
    const detail = message.progressDetail
    const moving = detail !== undefined && detail.current !== undefined
    // "Downloading" and its like are only interesting while they move.
    if (moving) return
    if (id !== '') this.#last.set(id, status)
    this.#out.write(id === '' ? `${status}\n` : `${id}: ${status}\n`)
  }

  end(): void {}
}

const BAR_WIDTH = 50
const REDRAW_MS = 50

class Bars implements ProgressPrinter {
  readonly #out: NodeJS.WriteStream
  /** Id to its line's text, in order of appearance. */
  readonly #lines = new Map<string, string>()
  readonly #dirty = new Set<string>()
  #drawn = 0
  #timer: NodeJS.Timeout | undefined

  constructor(out: NodeJS.WriteStream) {
    this.#out = out
  }

  line(message: JsonMessage): void {
    if (message.stream !== undefined) {
      this.#flush()
      this.#release()
      this.#out.write(message.stream)
      return
    }
    const { id = '', status } = message
    if (status === undefined) return
    if (id === '') {
      this.#flush()
      this.#release()
      this.#out.write(`${status}\n`)
      return
    }
    this.#lines.set(id, `${id}: ${status} ${progressText(message, this.#out.columns || 80)}`.trimEnd())
    this.#dirty.add(id)
    this.#timer ??= setTimeout(() => this.#flush(), REDRAW_MS)
  }

  end(): void {
    this.#flush()
  }

  /** Lines above are done with: what follows starts below them. */
  #release(): void {
    this.#lines.clear()
    this.#drawn = 0
  }

  #flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#dirty.size === 0) return
    const ids = Array.from(this.#lines.keys())
    const width = this.#out.columns || 80
    let text = ''
    ids.forEach((id, row) => {
      if (!this.#dirty.has(id)) return
      const up = this.#drawn - row
      const shown = this.#lines.get(id)!.slice(0, width - 1)
      if (row >= this.#drawn) {
        text += `${shown}\n`
        this.#drawn++
      } else text += `\u001b[${up}A\r\u001b[2K${shown}\u001b[${up}B\r`
    })
    this.#dirty.clear()
    this.#out.write(text)
  }
}

/** `[====>     ] 1.2MB/3.4MB`, narrower on a narrow terminal. */
export function progressText(message: JsonMessage, columns: number): string {
  const { current = 0, total = 0 } = message.progressDetail ?? {}
  if (current <= 0 && total <= 0) return ''
  const now = humanSize(current)
  if (total <= 0) return now
  const amount = `${now}/${humanSize(total)}`
  if (columns < 110 - BAR_WIDTH) return amount
  const filled = Math.min(BAR_WIDTH, Math.floor((current / total) * BAR_WIDTH))
  const bar =
    filled >= BAR_WIDTH ? '='.repeat(BAR_WIDTH) + '>' : `${'='.repeat(filled)}>${' '.repeat(BAR_WIDTH - filled)}`
  return columns < 110 ? `[${bar.slice(0, BAR_WIDTH + 1)}] ${now}` : `[${bar}]  ${amount}`
}
