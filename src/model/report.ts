import type { Cause, CauseCode, Explanation, Hop, HopKind } from './explain.ts'

/** Collects what was looked at, in order, and what it means. */
export class Report {
  readonly #hops: Hop[] = []
  readonly #causes: Cause[] = []
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
    this.#hops.push({ kind, status: 'fail', subject, detail })
    this.#causes.push({ code, summary, fix })
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
