import { ApiServer, apiRoutes } from '#http/index.ts'
import { messageOf } from '#lib/errors.ts'
import { logger } from '#lib/log.ts'
import { exitNow } from '#kernel/ffi/exit.ts'
import { KernelProcesses } from '#kernel/processes/processes.ts'
import { assemble } from './assemble.ts'
import { lockRoots } from './lock.ts'
import { parseDaemonOptions, type DaemonOptions } from './options.ts'
import { VERSION } from './system.ts'

/** Milliseconds that requests under way have when the daemon is told to stop. */
const GRACE = 3000

async function run(options: DaemonOptions): Promise<void> {
  const began = performance.now()
  const log = logger(options.debug ? 'debug' : 'info', line => process.stderr.write(line))
  process.umask(0o022)
  const unlock = lockRoots(options.pidfile, options.dataRoot, new KernelProcesses())
  const daemon = assemble(options, log)
  // Nothing else may keep the process until it listens: clocks do not, and a driver is asked again after a while.
  const awake = setInterval(() => {}, 1 << 30)
  await daemon.recover()
  const server = new ApiServer({ routes: apiRoutes(daemon.needs), log, serverName: `Berth/${VERSION} (linux)` })
  const addresses = await server.listen(options.hosts, {
    group: options.group,
    tls: options.tls,
  })
  clearInterval(awake)
  log.info('API listens', { on: addresses.join(' '), ms: Math.round(performance.now() - began) })
  let stopping = false
  const stop = async (signal: string) => {
    if (stopping) return
    stopping = true
    log.info('stopping; containers run on', { signal })
    await server.close(GRACE)
    await daemon.close()
    unlock()
    exitNow(0)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      stop(signal).catch((error: unknown) => {
        log.error('could not stop cleanly', { error: messageOf(error) })
        process.exit(1)
      })
    })
  }
  // A client that goes away at the wrong moment must not take the daemon with it.
  process.on('unhandledRejection', error =>
    log.error('unhandled rejection', { error: messageOf(error), stack: stackOf(error) }),
  )
}

const stackOf = (error: unknown) => (error instanceof Error ? error.stack : undefined)

try {
  if (process.getuid?.() !== 0) throw new Error('the daemon needs root: it makes namespaces, mounts and cgroups')
  await run(parseDaemonOptions(process.argv.slice(2)))
} catch (error) {
  process.stderr.write(`berth daemon: ${messageOf(error)}\n`)
  if (process.argv.includes('-D') || process.argv.includes('--debug')) process.stderr.write(`${stackOf(error)}\n`)
  process.exit(1)
}
