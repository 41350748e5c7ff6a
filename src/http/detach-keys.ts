import { invalid } from '#lib/errors.ts'
import { Transform, type TransformCallback } from 'node:stream'

const SPECIAL = '@abcdefghijklmnopqrstuvwxyz[\\]^_'

/** Ctrl-P, Ctrl-Q. */
export const DEFAULT_DETACH_KEYS: Buffer = Buffer.from([16, 17])

/**
 * Parses `ctrl-p,ctrl-q`, `a,ctrl-\` and the like; '' is the default sequence.
 * @throws invalid in Docker's words
 */
export function parseDetachKeys(text: string): Buffer {
  if (text === '') return DEFAULT_DETACH_KEYS
  const codes = text.split(',').map(key => {
    if (key.startsWith('ctrl-')) {
      const code = key.length === 6 ? SPECIAL.indexOf(key[5]!.toLowerCase()) : -1
      if (code >= 0) return code
    } else if (Buffer.byteLength(key) === 1) {
      return key.charCodeAt(0)
    }
    throw invalid(`Invalid detach keys (${text}) provided: Unknown character: '${key}'`)
  })
  return Buffer.from(codes)
}

/**
 * Passes stdin through and calls `onDetach` when the key sequence was typed; its keys are not passed on. Keys that
 * begin the sequence are held back until the next key decides.
 */
export class DetachScanner extends Transform {
  readonly #keys: Buffer
  readonly #onDetach: () => void
  #held = 0
  #detached = false

  constructor(keys: Buffer, onDetach: () => void) {
    super()
    this.#keys = keys
    this.#onDetach = onDetach
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    if (this.#detached) return done()
    const keys = this.#keys
    const out: Buffer[] = []
    // Start of what is known to belong to the process within this chunk.
    let from = this.#held === 0 ? 0 : chunk.length
    for (let i = 0; i < chunk.length; i++) {
      if (chunk[i] === keys[this.#held]) {
        if (this.#held === 0) {
          out.push(chunk.subarray(from, i))
          from = chunk.length
        }
        this.#held++
        if (this.#held === keys.length) {
          this.#detached = true
          this.push(Buffer.concat(out))
          this.#onDetach()
          return done()
        }
        continue
      }
      if (this.#held === 0) continue
      // A false start: give back what was held; this byte may begin the sequence anew.
      out.push(keys.subarray(0, this.#held))
      this.#held = 0
      from = i
      if (chunk[i] === keys[0]) i--
    }
    out.push(chunk.subarray(from))
    done(null, out.length === 1 ? out[0] : Buffer.concat(out))
  }

  override _flush(done: TransformCallback): void {
    done(null, this.#detached ? undefined : this.#keys.subarray(0, this.#held))
  }
}
