/**
 * Which addresses of a range are taken. Words of 32 are made when first used, so a /64 costs as little as a /24, and a
 * search skips a full word at once.
 */
export class AddressRange {
  readonly #first: bigint
  readonly #size: number
  readonly #words = new Map<number, number>()
  #used = 0
  #next = 0

  /** Both ends included; over 2^40 addresses only the first 2^40 are handed out. */
  constructor(first: bigint, last: bigint) {
    this.#first = first
    const size = last - first + 1n
    this.#size = size > 1n << 40n ? 2 ** 40 : Number(size)
  }

  get used(): number {
    return this.#used
  }

  get size(): number {
    return this.#size
  }

  /** An address outside the range is ignored. */
  take(value: bigint): void {
    const at = this.#offset(value)
    if (at === undefined || this.#has(at)) return
    this.#set(at, true)
  }

  release(value: bigint): void {
    const at = this.#offset(value)
    if (at !== undefined && this.#has(at)) this.#set(at, false)
  }

  /**
   * Takes the next free address after the last one handed out, wrapping: a released address rests as long as possible,
   * so that ARP caches and clients that remember it do not meet a stranger. undefined when full.
   */
  takeNext(): bigint | undefined {
    if (this.#used >= this.#size) return undefined
    let at = this.#next
    for (;;) {
      if (at >= this.#size) at = 0
      if (at % 32 === 0 && this.#words.get(at / 32) === 0xffffffff) {
        at += 32
        continue
      }
      if (!this.#has(at)) break
      at++
    }
    this.#set(at, true)
    this.#next = at + 1
    return this.#first + BigInt(at)
  }

  #offset(value: bigint): number | undefined {
    const offset = value - this.#first
    return offset < 0n || offset >= BigInt(this.#size) ? undefined : Number(offset)
  }

  #has(at: number): boolean {
    return ((this.#words.get(Math.floor(at / 32)) ?? 0) & (1 << (at % 32))) !== 0
  }

  #set(at: number, taken: boolean): void {
    const index = Math.floor(at / 32)
    const word = this.#words.get(index) ?? 0
    const bit = 1 << (at % 32)
    const now = (taken ? word | bit : word & ~bit) >>> 0
    if (now === 0) this.#words.delete(index)
    else this.#words.set(index, now)
    this.#used += taken ? 1 : -1
  }
}
