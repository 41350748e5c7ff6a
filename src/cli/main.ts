import { enableCompileCache } from 'node:module'
import { compileCacheDirectory } from './core/compile-cache.ts'
import { UsageError } from './core/command.ts'
import { createContext, globalsFrom } from './core/context.ts'
import { dispatch } from './core/dispatch.ts'
import { GLOBAL_FLAGS } from './core/global-flags.ts'
import { parseFlags } from './core/parse.ts'
import { errorText } from './core/report.ts'
import { root } from './root.ts'

async function main(argv: string[]): Promise<number> {
  // The reader of our output went away (`berth ps | head -1`): end as a program killed by SIGPIPE does.
  process.stdout.on('error', error => {
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') process.exit(141)
    throw error
  })
  let parsed
  try {
    parsed = parseFlags(GLOBAL_FLAGS, argv, { interspersed: false })
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`${error.message}\n\nUsage:  berth [OPTIONS] COMMAND [ARG...]\n\n`)
    process.stderr.write("Run 'berth --help' for more information\n")
    return error.exitCode ?? 1
  }
  try {
    const context = createContext(globalsFrom(parsed.flags, parsed.changed, process.env))
    if (parsed.flags['version'] === true) {
      const { versionLine } = await import('./system/version.ts')
      context.print(versionLine())
      return 0
    }
    return await dispatch(root, context, parsed.help ? ['help', ...parsed.args] : parsed.args)
  } catch (error) {
    process.stderr.write(`${errorText(error)}\n`)
    if (parsed.flags['debug'] === true && error instanceof Error) process.stderr.write(`${error.stack}\n`)
    return 1
  }
}

if (!process.env['NODE_COMPILE_CACHE']) enableCompileCache(compileCacheDirectory(process.env, process.getuid?.()))
const code = await main(process.argv.slice(2))
await Promise.all([process.stdout, process.stderr].map(flushed))
// stdin may still be open and keep-alive connections idle: the command is over all the same.
process.exit(code)

/** To a pipe whose reader is slow, output is still queued when its write has returned. */
function flushed(stream: NodeJS.WriteStream): Promise<void> | undefined {
  if (stream.writableLength === 0 || stream.destroyed) return undefined
  return new Promise(resolve => {
    stream.once('close', resolve)
    stream.write('', () => resolve())
  })
}
