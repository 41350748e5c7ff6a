import type { Explanation } from '#model/explain.ts'

/** A party: container or Compose service by name, `host`, or `internet`. */
export interface ExplainQuestion {
  from: string
  /** Also an address, or a name to be resolved outside. */
  to: string
  /** 0 lets the engine try the ports that the target listens on or exposes. */
  port: number
  protocol: 'tcp' | 'udp'
}

export interface ExplainService {
  /** @throws not-found when `from` is no container, invalid for a question that makes no sense */
  explain(question: ExplainQuestion): Promise<Explanation>
}
