import { createHash } from 'node:crypto'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { BerthError, system } from '#lib/errors.ts'
import type { PutOptions } from '#ports/targets.ts'
import type { Patience } from '../patience.ts'
import { BLOCK, UNIT, writeScript } from './scripts.ts'
import { Session, type Way } from './session.ts'
import { isBroken } from './words.ts'

/** Bytes that may be under way, and are held until the far end has them. */
const WINDOW = 48 * 1024 * 1024

const downToUnit = (offset: number) => offset - (offset % UNIT)

export interface Uploaded {
  bytes: number
  /** sha256, hex. */
  digest: string
}

/**
 * Writes one stream into one file at the far end, over as many connections as it takes. What has not arrived for sure is held,
 * so that the next connection can send it again.
 */
export class Upload {
  readonly #way: Way
  readonly #names: { directory: string; part: string }
  readonly #object: string
  readonly #content: AsyncIterator<Buffer>
  readonly #patience: Patience
  readonly #onProgress: PutOptions['onProgress']
  readonly #hash = createHash('sha256')
  /** Pieces from `#base` on. */
  #held: Buffer[] = []
  #base = 0
  /** Up to here it was sent once, or found to be there. */
  #sent = 0
  /** Up to here it was read. */
  #read = 0
  #ended = false
  /** Whether the part may hold something of an earlier attempt. */
  #compare: boolean

  constructor(
    way: Way,
    names: { directory: string; part: string },
    object: string,
    content: Readable,
    patience: Patience,
    options: { compare: boolean; onProgress?: PutOptions['onProgress'] },
  ) {
    this.#way = way
    this.#names = names
    this.#object = object
    this.#content = content[Symbol.asyncIterator]() as AsyncIterator<Buffer>
    this.#patience = patience
    this.#compare = options.compare
    this.#onProgress = options.onProgress
  }

  /** @returns when the part is whole at the far end, and its digest is right */
  async run(): Promise<Uploaded> {
    let reached = false
    for (;;) {
      const session = new Session(
        this.#way,
        writeScript(this.#way.place, this.#names),
        this.#object,
        this.#patience.signal,
      )
      try {
        return await this.#over(session, () => (reached = true))
      } catch (error) {
        this.#patience.signal?.throwIfAborted()
        // A host that was never reached is most likely a wrong one.
        if (!isBroken(error) || !reached) throw error
        await this.#patience.after(error)
      } finally {
        session.kill()
      }
    }
  }

  async #over(session: Session, onReached: () => void): Promise<Uploaded> {
    const reader = createInterface({ input: session.stdout, crlfDelay: Infinity })
    // It hears of an end, but not of a pipe that is given up: whoever waits for a line would wait for good.
    session.stdout.once('close', () => reader.close())
    const lines = reader[Symbol.asyncIterator]()
    const say = async (word: string): Promise<string> => {
      const { value, done } = await lines.next()
      if (done) throw await session.broken()
      const [name, rest = ''] = String(value).split(' ', 2)
      if (name !== word) throw system(`${this.#way.host} answers ${JSON.stringify(value)} instead of ${word}`)
      return rest
    }
    const size = Number(await say('size'))
    onReached()
    const from = await this.#compareWith(session, size, say)
    session.stdin.write(`${from / UNIT} ${size > this.#sent ? 1 : 0}\n`)

    const follow = new Following(lines, acknowledged => this.#forget(acknowledged))
    // Whoever waits for an acknowledgement, or for room to write, hears of the end.
    await this.#send(session, from, follow)
    const digest = await follow.sum
    if (digest === undefined) throw await session.broken()
    const failure = await session.failure()
    if (failure) throw failure
    const own = this.#hash.copy().digest('hex')
    const whole = follow.acknowledged === this.#read && (digest === 'none' || digest.toLowerCase() === own)
    if (!whole) {
      const what = `${follow.acknowledged} of ${this.#read} bytes, sha256 ${digest} instead of ${own}`
      throw new BerthError('system', `what arrived at ${this.#way.host} is not what was sent: ${what}`, {
        details: { damaged: true },
      })
    }
    return { bytes: this.#read, digest: own }
  }

  /** @returns where to go on: behind what is there and right */
  async #compareWith(session: Session, size: number, say: (word: string) => Promise<string>): Promise<number> {
    const blocks = this.#compare ? Math.floor(size / BLOCK) : 0
    this.#compare = false
    session.stdin.write(`${blocks}\n`)
    for (let block = 0; block < blocks; block++) {
      const theirs = await say('sum')
      const end = (block + 1) * BLOCK
      while (this.#read < end && !this.#ended) await this.#more()
      if (this.#ended && this.#read < end) break
      if (this.#digestOfHeld(BLOCK) !== theirs.toLowerCase()) {
        // Nobody needs the digests of what follows; they are few.
        for (let rest = block + 1; rest < blocks; rest++) await say('sum')
        break
      }
      this.#sent = end
      this.#drop(end)
      this.#onProgress?.(end)
    }
    const from = downToUnit(Math.min(size, this.#sent))
    if (from < this.#base) {
      throw system(`${this.#way.host} has lost what it had taken: ${size} bytes of ${this.#base}`, {
        details: { damaged: true },
      })
    }
    return from
  }

  async #send(session: Session, from: number, follow: Following): Promise<void> {
    const { stdin } = session
    const write = async (piece: Buffer) => {
      if (stdin.destroyed || follow.over) throw await session.broken()
      if (!stdin.write(piece)) await roomIn(stdin)
    }
    let at = this.#base
    // Held pieces may be forgotten, in front of us, while they are sent.
    for (const piece of Array.from(this.#held)) {
      const skip = Math.max(0, from - at)
      if (skip < piece.length) await write(piece.subarray(skip))
      at += piece.length
      this.#sent = Math.max(this.#sent, at)
    }
    while (!this.#ended) {
      while (this.#read - this.#base > WINDOW && !follow.over) await follow.next()
      const piece = await this.#more()
      if (piece) await write(piece)
      this.#sent = this.#read
    }
    stdin.end()
  }

  async #more(): Promise<Buffer | undefined> {
    const { value, done } = await this.#content.next()
    this.#patience.signal?.throwIfAborted()
    if (done) {
      this.#ended = true
      return undefined
    }
    this.#hash.update(value)
    this.#held.push(value)
    this.#read += value.length
    return value
  }

  #digestOfHeld(length: number): string {
    const hash = createHash('sha256')
    let left = length
    for (const piece of this.#held) {
      hash.update(piece.subarray(0, left))
      left -= Math.min(left, piece.length)
    }
    return hash.digest('hex')
  }

  #forget(acknowledged: number): void {
    if (acknowledged > this.#base) this.#patience.progressed()
    this.#drop(downToUnit(Math.min(acknowledged, this.#sent)))
    this.#onProgress?.(Math.min(acknowledged, this.#read))
  }

  #drop(to: number): void {
    while (this.#base < to) {
      const first = this.#held[0]!
      const length = Math.min(first.length, to - this.#base)
      if (length === first.length) this.#held.shift()
      else this.#held[0] = first.subarray(length)
      this.#base += length
    }
  }
}

/** Also when there will never be any: the next write finds out. */
function roomIn(stdin: Writable): Promise<void> {
  return new Promise(resolve => {
    const done = () => {
      for (const event of ['drain', 'close', 'error']) stdin.off(event, done)
      resolve()
    }
    if (stdin.destroyed) return resolve()
    for (const event of ['drain', 'close', 'error']) stdin.on(event, done)
  })
}

/** What the far end says while it takes the content. */
class Following {
  acknowledged = 0
  over = false
  /** The last digest it told; undefined when it ended without. */
  readonly sum: Promise<string | undefined>
  #wake = () => {}
  #woken: Promise<void>

  constructor(lines: AsyncIterator<string>, onAcknowledged: (bytes: number) => void) {
    this.#woken = this.#sleep()
    this.sum = this.#follow(lines, onAcknowledged).finally(() => {
      this.over = true
      this.#wake()
    })
  }

  /** Resolves with the next thing it says, or its end. */
  next(): Promise<void> {
    return this.#woken
  }

  async #follow(lines: AsyncIterator<string>, onAcknowledged: (bytes: number) => void): Promise<string | undefined> {
    let sum: string | undefined
    for (;;) {
      const { value, done } = await lines.next().catch(() => ({ value: undefined, done: true }))
      if (done) return sum
      const [word, rest = ''] = String(value).split(' ', 2)
      if (word === 'sum') sum = rest
      if (word === 'at' && /^\d+$/.test(rest)) {
        this.acknowledged = Number(rest)
        onAcknowledged(this.acknowledged)
        this.#wake()
        this.#woken = this.#sleep()
      }
    }
  }

  #sleep(): Promise<void> {
    return new Promise(resolve => (this.#wake = resolve))
  }
}
