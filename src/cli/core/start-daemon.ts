import { spawn } from 'node:child_process'
import { mkdirSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { EngineClient } from '#client/index.ts'
import { CliError } from './command.ts'
import { compileCacheDirectory } from './compile-cache.ts'

const DATA_ROOT = '/var/lib/berth'
const DEADLINE_MS = 15_000
const POLL_MS = 15

/**
 * The daemon's entry point and how to run it; the command line may not import it. One malloc arena and a small young
 * generation keep it some 20 MB smaller, at no cost that was measurable.
 */
export function daemonCommand(): { file: string; args: string[]; env: NodeJS.ProcessEnv } {
  const main = fileURLToPath(import.meta.resolve('#daemon/main.ts'))
  return {
    file: process.execPath,
    args: [
      '--disable-warning=ExperimentalWarning',
      // Else an exit may hang, see the launcher; and both have one code cache.
      '--no-concurrent-recompilation',
      '--max-semi-space-size=2',
      '--preserve-symlinks',
      '--preserve-symlinks-main',
      main,
    ],
    env: {
      ...process.env,
      MALLOC_ARENA_MAX: '1',
      NODE_COMPILE_CACHE: compileCacheDirectory(process.env, process.getuid?.()),
    },
  }
}

/**
 * Starts a daemon on the default socket that outlives this command, and waits until it answers.
 * @returns false when this user may not; the error of the first attempt says the rest
 */
export async function startDetached(): Promise<boolean> {
  if (process.getuid?.() !== 0) {
    process.stderr.write('no daemon is running, and only root can start one: run `sudo berth daemon`\n')
    return false
  }
  mkdirSync(DATA_ROOT, { recursive: true, mode: 0o711 })
  const logPath = `${DATA_ROOT}/daemon.log`
  const log = openSync(logPath, 'a', 0o640)
  const { file, args, env } = daemonCommand()
  const child = spawn(file, args, { detached: true, env, stdio: ['ignore', log, log], cwd: '/' })
  let exit: string | undefined
  child.on('exit', (code, signal) => (exit = signal ?? `exit code ${code}`))
  child.on('error', error => (exit = error.message))
  child.unref()
  const probe = new EngineClient()
  try {
    for (const started = Date.now(); Date.now() - started < DEADLINE_MS;) {
      try {
        await probe.system.ping()
        return true
      } catch {
        // Another command may have started one in the same moment: then ours ends and theirs answers.
        if (exit !== undefined && Date.now() - started > 2000) break
      }
      await sleep(POLL_MS)
    }
  } finally {
    probe.close()
  }
  const tail = readFileSync(logPath, 'utf8').trimEnd().split('\n').slice(-5).join('\n')
  throw new CliError(`the daemon did not start (${exit ?? 'no answer'}); the end of ${logPath}:\n${tail}`)
}
