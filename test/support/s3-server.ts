import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { S3Client, CreateBucketCommand, ListMultipartUploadsCommand } from '@aws-sdk/client-s3'

const PYTHON = '/usr/bin/python3'

/** Whether Debian's python3-swift is here; tests that need it say so when they are skipped. */
export const swiftHere =
  spawnSync(PYTHON, ['-c', 'import swift.common.middleware.s3api'], { timeout: 30_000 }).status === 0

/**
 * A real S3 server as a process of its own, that can be killed and started again on what it has. `swift` (Debian's OpenStack
 * Swift) checks signatures and lists the parts of an upload; `s3rver` (npm) does neither, and starts faster.
 */
export class S3Server {
  readonly kind: 'swift' | 's3rver'
  readonly directory: string
  readonly endpoint: string
  /** What a client needs to be let in. */
  readonly environment: Record<string, string>
  readonly #command: string[]
  #process: ChildProcess | undefined

  private constructor(kind: 'swift' | 's3rver', ports: number[], buckets: string[]) {
    this.kind = kind
    this.directory = mkdtempSync(join(tmpdir(), 'berth-s3-'))
    this.endpoint = `http://127.0.0.1:${ports[0]}`
    const swift = kind === 'swift'
    this.environment = {
      AWS_ACCESS_KEY_ID: swift ? 'test:tester' : 'YOUR_ACCESS_KEY',
      AWS_SECRET_ACCESS_KEY: swift ? 'testing' : 'YOUR_SECRET_KEY',
      AWS_ENDPOINT_URL: this.endpoint,
      AWS_REGION: 'us-east-1',
    }
    const program = (name: string) => new URL(name, import.meta.url).pathname
    const data = join(this.directory, 'data')
    this.#command = swift
      ? [PYTHON, program('swift-server.py'), data, ports.join(','), 'test:tester', 'testing']
      : [process.execPath, program('s3rver.ts'), data, '127.0.0.1', String(ports[0]), ...buckets]
  }

  /** @param options.buckets to be made */
  static async start(kind: 'swift' | 's3rver', options: { buckets?: string[] } = {}): Promise<S3Server> {
    const { buckets = ['bucket'] } = options
    const server = new S3Server(kind, await freePorts(4), buckets)
    await server.start()
    if (kind === 'swift') for (const bucket of buckets) await server.createBucket(bucket)
    return server
  }

  /** As a client that is let in. */
  client(): S3Client {
    const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = this.environment
    return new S3Client({
      endpoint: this.endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId: accessKeyId!, secretAccessKey: secretAccessKey! },
      requestChecksumCalculation: 'WHEN_REQUIRED',
    })
  }

  async createBucket(Bucket: string): Promise<void> {
    const client = this.client()
    await client.send(new CreateBucketCommand({ Bucket }))
    client.destroy()
  }

  /** Uploads that are neither completed nor given up. `swift` only. */
  async uploads(Bucket = 'bucket'): Promise<string[]> {
    const client = this.client()
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket }))
    client.destroy()
    return Uploads.map(one => one.Key!)
  }

  async start(): Promise<void> {
    const log = join(this.directory, 'log')
    const child = spawn(this.#command[0]!, this.#command.slice(1), {
      stdio: ['ignore', 'pipe', openSync(log, 'a')],
    })
    this.#process = child
    const first = await Promise.race([once(child.stdout!, 'data'), once(child, 'exit').then(() => undefined)])
    if (!first) throw new Error(`the S3 server ended: ${readFileSync(log, 'utf8')}`)
    child.stdout!.resume()
  }

  /** SIGKILL, unless another one is asked for. */
  async stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#process
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
  }

  /** Stands still, with its connections open; `SIGCONT` goes on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process?.kill(signal)
  }

  async dispose(): Promise<void> {
    await this.stop()
    rmSync(this.directory, { recursive: true, force: true })
  }
}

/** Below those that the system hands out: nobody takes them while the server is away. */
async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  while (ports.length < count) {
    const port = 20_000 + Math.floor(Math.random() * 12_000)
    const server = createServer()
    const free = await new Promise<boolean>(resolve => {
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
    })
    if (free && !ports.includes(port)) ports.push(port)
  }
  return ports
}
