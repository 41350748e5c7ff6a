import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Output, TestDaemon } from './daemon.ts'

const CLI = new URL('../../src/cli/main.ts', import.meta.url).pathname

/** The two command lines that every test of words and behaviour runs with: Docker's own and ours. */
export type Tool = 'docker' | 'berth'
export const TOOLS: readonly Tool[] = ['docker', 'berth']

/** Program and leading arguments of a tool. */
export function commandOf(tool: Tool): string[] {
  return tool === 'docker'
    ? ['docker']
    : [process.execPath, '--no-concurrent-recompilation', '--disable-warning=ExperimentalWarning', CLI]
}

export function environmentOf(daemon: TestDaemon): NodeJS.ProcessEnv {
  return { ...process.env, DOCKER_HOST: `unix://${daemon.socket}`, BERTH_HOST: `unix://${daemon.socket}` }
}

/** Starts a command line without waiting for it. */
export function launch(daemon: TestDaemon, tool: Tool, args: string[], options: SpawnOptions = {}): ChildProcess {
  const [file, ...head] = commandOf(tool)
  return spawn(file!, [...head, ...args], { env: environmentOf(daemon), ...options })
}

/** Runs a command line beside others; never throws for its exit code. */
export async function run(
  daemon: TestDaemon,
  tool: Tool,
  args: string[],
  options: { input?: string | Buffer; cwd?: string } = {},
): Promise<Output> {
  const child = launch(daemon, tool, args, { cwd: options.cwd, stdio: ['pipe', 'pipe', 'pipe'] })
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  child.stdout!.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr!.on('data', (chunk: Buffer) => stderr.push(chunk))
  child.stdin!.on('error', () => {})
  child.stdin!.end(options.input ?? '')
  const [code] = (await once(child, 'close')) as [number | null]
  return { code: code ?? -1, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }
}

/** As `run`, and an exit code other than 0 is an error that shows everything. @returns its output, trimmed */
export async function ok(
  daemon: TestDaemon,
  tool: Tool,
  args: string[],
  options: { input?: string | Buffer; cwd?: string } = {},
): Promise<string> {
  const { code, stdout, stderr } = await run(daemon, tool, args, options)
  if (code !== 0) throw new Error(`${tool} ${args.join(' ')}: exit code ${code}\n${stdout}${stderr}`)
  return stdout.trim()
}

/** Asks again until the answer is not undefined: for what nothing announces. @param ms deadline */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
  ms = 10_000,
): Promise<T> {
  const deadline = performance.now() + ms
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (performance.now() > deadline) throw new Error(`${what}: not within ${ms} ms`)
    await sleep(20)
  }
}
