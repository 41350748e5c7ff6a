import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

const program = (name: string) => new URL(`./${name}.ts`, import.meta.url).pathname
const NODE = [process.execPath, '--disable-warning=ExperimentalWarning', '--no-concurrent-recompilation']

export type Measurement =
  'tcp-throughput' | 'udp-throughput' | 'tcp-latency' | 'udp-latency' | 'connections' | 'dns' | 'dns-many'

export interface Figures {
  /** Of the throughputs, Gbit/s. */
  gbits: number
  /** Of the others, microseconds. */
  p50: number
  p99: number
  perSecond: number
}

/** Serves in the network namespaces of these processes. */
export async function serve(pids: number[]): Promise<ChildProcess> {
  const [file, ...args] = [...NODE, program('server'), ...pids.map(String)]
  const child = spawn(file!, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout!, 'data')
  return child
}

/** @param from path of the client's network namespace. @throws with what the client said */
export function measure(
  kind: Measurement,
  from: string,
  address: string,
  port: number,
  seconds: number,
  name = '',
  pids: readonly number[] = [],
): Figures {
  const args = [
    `--net=${from}`,
    ...NODE,
    program('client'),
    kind,
    address,
    String(port),
    String(seconds),
    name,
    ...pids.map(String),
  ]
  const { status, stdout, stderr } = spawnSync('nsenter', args, { encoding: 'utf8', timeout: 60_000 })
  if (status !== 0) throw new Error(`${kind} to ${address}:${port}: ${stderr}`)
  return JSON.parse(stdout) as Figures
}
