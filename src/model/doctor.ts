/** What `network doctor` finds on the host. */
export interface DoctorCheck {
  /** What was looked at: `forwarding`, `port 8080/tcp`, `egress of shop_default`. */
  check: string
  /** `info`: how things are, for whoever wonders; `warn`: may stand in the way at times; `fail`: does. */
  status: 'ok' | 'info' | 'warn' | 'fail'
  /** One sentence of facts, lower case, no full stop. */
  detail: string
  /** A command that mends it, ready to paste; '' when there is none or nothing to mend. */
  fix: string
  /** The rule or policy that decides, where one does. */
  rule?: { family: string; table: string; chain: string; handle: number; text: string }
}

export interface DoctorReport {
  checks: DoctorCheck[]
  /** How many of them fail. */
  problems: number
}
