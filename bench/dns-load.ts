/** dnsperf inside a network namespace: questions a second and quantiles of their latency. Needs `dnsperf` (Debian: dnsperf). */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface DnsLoad {
  perSecond: number
  /** Milliseconds. */
  p50: number
  p99: number
  lost: number
}

export interface DnsLoadOptions {
  /** Path of the network namespace that asks. */
  namespace: string
  /** What is asked in turn, a name and a type each: `web A`. */
  questions: readonly string[]
  server?: string
  port?: number
  seconds?: number
  /** Questions on their way at any time. */
  outstanding?: number
  transport?: 'udp' | 'tcp'
}

/** @throws with what dnsperf said */
export async function dnsLoad(options: DnsLoadOptions): Promise<DnsLoad> {
  const { namespace, questions, server = '127.0.0.11', port = 53, seconds = 5 } = options
  const { outstanding = 64, transport = 'udp' } = options
  const directory = mkdtempSync(join(tmpdir(), 'dns-load-'))
  try {
    const file = join(directory, 'questions')
    writeFileSync(file, questions.map(question => `${question}\n`).join(''))
    const run = (length: number, ...more: string[]) => {
      const where = [`--net=${namespace}`, 'dnsperf', '-s', server, '-p', String(port), '-d', file, '-m', transport]
      return output('nsenter', [
        ...where,
        '-c',
        '1',
        '-T',
        '1',
        '-q',
        String(outstanding),
        '-l',
        String(length),
        ...more,
      ])
    }
    const whole = await run(seconds)
    const perSecond = field(whole, /Queries per second:\s+([\d.]+)/)
    if (Number.isNaN(perSecond)) throw new Error(`dnsperf measured nothing: ${whole}`)
    // Each latency is a line of text, which slows dnsperf down: a run of its own.
    const each = await run(1, '-v')
    const times = [...each.matchAll(/^> .* ([\d.]+)$/gm)].map(match => Number(match[1]) * 1000).sort((a, b) => a - b)
    const quantile = (share: number) => times[Math.floor(times.length * share)] ?? NaN
    return { perSecond, p50: quantile(0.5), p99: quantile(0.99), lost: field(whole, /Queries lost:\s+(\d+)/) }
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function field(text: string, pattern: RegExp): number {
  return Number(pattern.exec(text)?.[1] ?? NaN)
}

function output(file: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let [out, err] = ['', '']
    child.stdout.on('data', chunk => (out += chunk))
    child.stderr.on('data', chunk => (err += chunk))
    child.once('error', reject)
    child.once('close', status => (status === 0 ? resolve(out) : reject(new Error(err || out))))
  })
}
