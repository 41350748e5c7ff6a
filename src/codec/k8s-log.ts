/**
 * The log format of conmon (CRI, "k8s-file"): lines of time, stream, tag and text, such as
 * `2026-01-02T03:04:05.123456789+00:00 stdout F hello`. Tag F ends a line of the process, P is a piece of one: the
 * newline after a P piece is the file's own.
 */
export interface LogRecord {
  /** RFC 3339 with nanoseconds, UTC. */
  time: string
  stream: 'stdout' | 'stderr'
  /** With the process's own newline, if it wrote one. */
  data: Buffer
}

const NEWLINE = 0x0a
const PARTIAL = 0x50 // P
const LETTER_E = 0x65
/** `2026-01-02T03:04:05.123456789`; such prefixes compare as the times do. */
const TIME_LENGTH = 29
/** With the zone and a space. */
const STREAM_AT = TIME_LENGTH + 7
const TAG_AT = STREAM_AT + 7
const TEXT_AT = TAG_AT + 2
const UTC = Buffer.from('+00:00 ')

/** Times between which records are wanted, as `timeKey` gives them; '' is open. */
export interface LogWindow {
  since: string
  until: string
}

/**
 * Reads the whole records between `start` and the last newline of `buffer`.
 *
 * @param onRecord returning false stops
 * @returns where the first unread byte is, or -1 after a stop or a record later than `window.until`
 */
export function readRecords(
  buffer: Buffer,
  start: number,
  window: LogWindow,
  onRecord: (record: LogRecord) => boolean | void,
): number {
  let at = start
  for (;;) {
    const end = buffer.indexOf(NEWLINE, at)
    if (end < 0) return at
    if (end > at) {
      const record = parseRecord(buffer, at, end, window)
      if (record === 'late') return -1
      if (record !== 'early' && onRecord(record) === false) return -1
    }
    at = end + 1
  }
}

function parseRecord(buffer: Buffer, at: number, end: number, window: LogWindow): LogRecord | 'early' | 'late' {
  if (end - at < TEXT_AT || buffer.compare(UTC, 0, 7, at + TIME_LENGTH, at + STREAM_AT) !== 0) {
    return foreignRecord(buffer, at, end, window)
  }
  const time = buffer.toString('latin1', at, at + TIME_LENGTH)
  if (time < window.since) return 'early'
  if (window.until !== '' && time > window.until) return 'late'
  // std[o]ut, std[e]rr
  const stream = buffer[at + STREAM_AT + 3] === LETTER_E ? 'stderr' : 'stdout'
  const stop = buffer[at + TAG_AT] === PARTIAL ? end : end + 1
  return { time: time + 'Z', stream, data: buffer.subarray(at + TEXT_AT, stop) }
}

/** A line with another zone or precision, or one that is damaged (its text is kept). */
function foreignRecord(buffer: Buffer, at: number, end: number, window: LogWindow): LogRecord | 'early' | 'late' {
  const head = buffer.toString('latin1', at, Math.min(end + 1, at + 64))
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d) (stdout|stderr) ([FP])(?::\S*)?[ \n]/.exec(
    head,
  )
  if (!match) return { time: '1970-01-01T00:00:00.000000000Z', stream: 'stdout', data: buffer.subarray(at, end + 1) }
  const [all, seconds, fraction = '.', zone, stream, tag] = match
  const millis = Date.parse(`${seconds}${zone}`)
  const time = new Date(millis).toISOString().slice(0, 19) + fraction.padEnd(10, '0').slice(0, 10)
  if (time < window.since) return 'early'
  if (window.until !== '' && time > window.until) return 'late'
  const textAt = all.endsWith('\n') ? end : at + all.length
  const data = buffer.subarray(textAt, tag === 'P' ? end : end + 1)
  return { time: time + 'Z', stream: stream as 'stdout' | 'stderr', data }
}

/** Nanoseconds since the epoch as the start of a log line; 0 and below is ''. */
export function timeKey(nanos: bigint): string {
  if (nanos <= 0n) return ''
  const millis = Number(nanos / 1_000_000n)
  if (millis > 8_640_000_000_000_000) return ''
  const fraction = String(nanos % 1_000_000_000n).padStart(9, '0')
  return `${new Date(millis).toISOString().slice(0, 19)}.${fraction}`
}

/** Scans blocks from the end of a log towards its beginning for where the last lines begin. */
export class TailScanner {
  #wanted: number
  /** From the earliest byte seen to the end of the record that begins before it. */
  #carry: Buffer = Buffer.alloc(0)
  #anyRecord = false

  /** @param lines how many lines of the process are wanted; above 0 */
  constructor(lines: number) {
    this.#wanted = lines
  }

  /**
   * Takes the block that ends where the one before began.
   *
   * @param block bytes of the file from `offset`
   * @returns offset at which the wanted lines begin; undefined if they begin before this block
   */
  feed(block: Buffer, offset: number): number | undefined {
    let data = this.#carry.length === 0 ? block : Buffer.concat([block, this.#carry])
    // A record that is still being written has no newline yet.
    if (!this.#anyRecord) data = data.subarray(0, data.lastIndexOf(NEWLINE) + 1)
    let length = data.length
    while (length > 0) {
      const start = length < 2 ? 0 : data.lastIndexOf(NEWLINE, length - 2) + 1
      if (start === 0 && offset > 0) break
      // A line ends with an F record; pieces before it belong to it, and pieces at the very end are a line of their own.
      const endsLine = data[start + TAG_AT] !== PARTIAL || !this.#anyRecord
      if (endsLine && this.#wanted === 0) return offset + length
      if (endsLine) this.#wanted--
      this.#anyRecord = true
      length = start
    }
    this.#carry = data.subarray(0, length)
    return undefined
  }

  /** The earlier file of a rotated log follows: this one was read to its beginning. */
  nextFile(): void {
    this.#carry = Buffer.alloc(0)
  }
}

/** One record, as conmon writes it. */
export function formatRecord(time: string, stream: 'stdout' | 'stderr', tag: 'F' | 'P', text: string | Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${time} ${stream} ${tag} `), Buffer.from(text), Buffer.from([NEWLINE])])
}
