import { CliError, defineCommand } from '../core/command.ts'
import type { Context } from '../core/context.ts'
import { forEach } from '../core/each.ts'
import { checkTerminal, parseDetachKeys, runSession } from './session.ts'
import { followResize, forwardSignals } from './signals.ts'

export const command = defineCommand({
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  args: [1, Infinity],
  complete: 'stopped-container',
  flags: {
    attach: { type: 'bool', short: 'a', help: 'Attach STDOUT/STDERR and forward signals' },
    'detach-keys': { type: 'string', help: 'Override the key sequence for detaching a container' },
    interactive: { type: 'bool', short: 'i', help: "Attach container's STDIN" },
  },
  async run(context, { args, flags }) {
    if (flags.attach || flags.interactive) {
      if (args.length > 1) throw new CliError('you cannot start and attach multiple containers at once')
      return startAttached(
        context,
        args[0]!,
        flags.interactive,
        flags['detach-keys'] || context.config.detachKeys || '',
      )
    }
    try {
      await forEach(context, args, async name => {
        await context.client.containers.start(name)
        return name
      })
    } catch (error) {
      throw new CliError(`${(error as Error).message}\nError: failed to start containers: ${args.join(', ')}`)
    }
    return 0
  },
})

async function startAttached(context: Context, name: string, stdin: boolean, detachKeys: string): Promise<number> {
  const { containers } = context.client
  parseDetachKeys(detachKeys)
  const { Id: id, Config: config, HostConfig: host } = await containers.inspect(name)
  const tty = config.Tty
  const withStdin = stdin && config.OpenStdin
  checkTerminal(context, { stdin: withStdin, tty })
  const stopForwarding = forwardSignals(signal => containers.kill(id, signal))
  let stopResizing = () => {}
  try {
    const [hijacked, { exit }] = await Promise.all([
      containers.attach(id, { stdin: withStdin, stdout: true, stderr: true, detachKeys: detachKeys || undefined, tty }),
      containers.wait(id, host.AutoRemove ? 'removed' : 'next-exit'),
    ])
    const session = runSession(context, hijacked, { stdin: withStdin, stdout: true, stderr: true, tty, detachKeys })
    session.catch(() => {})
    try {
      await containers.start(id)
    } catch (error) {
      hijacked.close()
      await session.catch(() => {})
      throw error
    }
    if (tty) stopResizing = followResize(context, (height, width) => containers.resize(id, height, width))
    if ((await session) === 'detached') {
      context.warn('\nread escape sequence')
      return 0
    }
    return (await exit).StatusCode
  } finally {
    stopForwarding()
    stopResizing()
  }
}
