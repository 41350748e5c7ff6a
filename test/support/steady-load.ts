/**
 * Short TCP requests at a steady rate, each on a connection of its own, from the network namespace that it is started in,
 * until its input ends; then prints what came of them as one JSON object.
 *
 *   node test/support/steady-load.ts ADDRESS PORT PER_SECOND
 */
import { connect } from 'node:net'

/** What the load saw. */
export interface LoadReport {
  sent: number
  answered: number
  /** By errno or reason. */
  failures: Record<string, number>
  /** Of the first ones: milliseconds since the epoch when it was asked, how many it took, and what it was. */
  failed: [asked: number, took: number, reason: string][]
  /** By what the server called itself: how many answers, and when the first and last of them were asked for. */
  servers: Record<string, { answers: number; first: number; last: number }>
  /** Milliseconds. */
  p50: number
  p99: number
  max: number
}

const TIMEOUT_MS = 5000
const [address = '', port = '', rate = ''] = process.argv.slice(2)
const report: LoadReport = { sent: 0, answered: 0, failures: {}, failed: [], servers: {}, p50: 0, p99: 0, max: 0 }
const times: number[] = []
let open = 0
let ending = false

function request(): void {
  report.sent++
  open++
  const asked = Date.now()
  const began = performance.now()
  let text = ''
  let reason = 'closed without an answer'
  const socket = connect({ host: address, port: Number(port) })
  socket.setNoDelay(true)
  socket.setTimeout(TIMEOUT_MS, () => {
    reason = 'timed out'
    socket.destroy()
  })
  socket.on('connect', () => socket.write('?'))
  socket.on('data', data => (text += data.toString()))
  socket.on('error', (error: NodeJS.ErrnoException) => (reason = error.code ?? error.message))
  socket.on('close', () => {
    open--
    if (text.endsWith('\n')) {
      report.answered++
      times.push(performance.now() - began)
      const server = (report.servers[text.trim()] ??= { answers: 0, first: asked, last: asked })
      server.answers++
      server.last = asked
    } else {
      report.failures[reason] = (report.failures[reason] ?? 0) + 1
      if (report.failed.length < 100) report.failed.push([asked, Math.round(performance.now() - began), reason])
    }
    if (ending && open === 0) finish()
  })
}

function finish(): void {
  times.sort((a, b) => a - b)
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0
  process.stdout.write(JSON.stringify({ ...report, p50: at(0.5), p99: at(0.99), max: at(1) } satisfies LoadReport))
}

const began = performance.now()
const timer = setInterval(() => {
  const due = Math.floor(((performance.now() - began) / 1000) * Number(rate))
  while (report.sent < due) request()
}, 5)
process.stdin.resume().on('end', () => {
  clearInterval(timer)
  ending = true
  if (open === 0) finish()
})
