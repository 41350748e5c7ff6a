import { invalid } from '#lib/errors.ts'

/** Names of signal(7) on Linux, without `SIG`. */
const NAMES = new Set(
  (
    'ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS TERM TRAP ' +
    'TSTP TTIN TTOU UNUSED URG USR1 USR2 VTALRM WINCH XCPU XFSZ RTMIN RTMAX'
  ).split(' '),
)

const LAST_SIGNAL = 64

/** `SIGTERM`, `term`, `15`, `RTMIN+3`. @throws invalid in Docker's words */
export function checkSignal(signal: string): void {
  if (/^[0-9]+$/.test(signal)) {
    const number = Number(signal)
    if (number >= 1 && number <= LAST_SIGNAL) return
  } else {
    const name = signal.toUpperCase().replace(/^SIG/, '')
    if (NAMES.has(name)) return
    const offset = /^RT(?:MIN\+|MAX-)([0-9]{1,2})$/.exec(name)
    if (offset && Number(offset[1]) <= 30) return
  }
  throw invalid(`invalid signal: ${signal}`)
}
