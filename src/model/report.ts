import type { Cause, CauseCode, Explanation, Hop, HopKind } from './explain.ts'

/** Collects what was looked at, in order, and what it means. */
export class Report {
  readonly #hops: Hop[] = []
  readonly #causes: Cause[] = []
  readonly #failures = new Map<Hop, Cause>()
  #undecided = false

  ok(kind: HopKind, subject: string, detail: string): void {
    this.#hops.push({ kind, status: 'ok', subject, detail })
  }

  warn(kind: HopKind, subject: string, detail: string): void {
    this.#hops.push({ kind, status: 'warn', subject, detail })
  }

  /** Could not be looked at, and does not decide. */
  skip(kind: HopKind, subject: string, detail: string): void {
    this.#hops.push({ kind, status: 'skip', subject, detail })
  }

  /** Could not be looked at, and everything hangs on it. */
  undecided(kind: HopKind, subject: string, detail: string): void {
    this.skip(kind, subject, detail)
    this.#undecided = true
  }

  /** @param fix what to write into the file, or a command; '' when neither helps */
  fail(kind: HopKind, subject: string, detail: string, code: CauseCode, summary: string, fix: string): void {
    const hop: Hop = { kind, status: 'fail', subject, detail }
    const cause = { code, summary, fix }
    this.#hops.push(hop)
    this.#causes.push(cause)
    this.#failures.set(hop, cause)
  }

  /** It works all the same: what looked like a fault is a warning, but for the causes that a connection does not disprove. */
  relieve(undisproved: readonly CauseCode[]): void {
    const kept = this.#causes.filter(cause => undisproved.includes(cause.code))
    this.#hops.forEach((hop, i) => {
      const cause = this.#failures.get(hop)
      if (cause && !kept.includes(cause)) this.#hops[i] = { ...hop, status: 'warn' }
    })
    this.#causes.splice(0, this.#causes.length, ...kept)
    this.#undecided = false
  }

  get failed(): boolean {
    return this.#causes.length > 0
  }

  explanation(question: Pick<Explanation, 'from' | 'to' | 'port' | 'protocol'>): Explanation {
    const [cause, ...others] = this.#causes
    return {
      ...question,
      verdict: cause ? 'blocked' : this.#undecided ? 'unknown' : 'reachable',
      ...(cause ? { cause } : {}),
      others,
      hops: this.#hops,
    }
  }
}
