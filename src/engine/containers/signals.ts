import { invalid } from '#lib/errors.ts'

/** Linux signal numbers (signal(7)), the same on x86-64 and arm64. */
const SIGNALS: Record<string, number> = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ILL: 4,
  TRAP: 5,
  ABRT: 6,
  IOT: 6,
  BUS: 7,
  FPE: 8,
  KILL: 9,
  USR1: 10,
  SEGV: 11,
  USR2: 12,
  PIPE: 13,
  ALRM: 14,
  TERM: 15,
  STKFLT: 16,
  CHLD: 17,
  CLD: 17,
  CONT: 18,
  STOP: 19,
  TSTP: 20,
  TTIN: 21,
  TTOU: 22,
  URG: 23,
  XCPU: 24,
  XFSZ: 25,
  VTALRM: 26,
  PROF: 27,
  WINCH: 28,
  IO: 29,
  POLL: 29,
  PWR: 30,
  SYS: 31,
}
const RTMIN = 34
const RTMAX = 64

export const SIGKILL = 9

/** `KILL`, `SIGKILL`, `9`, `RTMIN+3`, in any case. @throws invalid `invalid signal: x` */
export function parseSignal(text: string): number {
  const bad = () => invalid(`invalid signal: ${text}`)
  if (/^\d+$/.test(text)) {
    const number = Number(text)
    if (number < 1 || number > RTMAX) throw bad()
    return number
  }
  const name = text.toUpperCase().replace(/^SIG/, '')
  const known = SIGNALS[name]
  if (known !== undefined) return known
  const realtime = /^RT(MIN|MAX)(?:([+-])(\d+))?$/.exec(name)
  if (!realtime) throw bad()
  const base = realtime[1] === 'MIN' ? RTMIN : RTMAX
  const number = base + Number(`${realtime[2] ?? ''}${realtime[3] ?? 0}`)
  if (number < RTMIN || number > RTMAX) throw bad()
  return number
}
