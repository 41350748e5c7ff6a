import { CliError, defineCommand } from '../core/command.ts'
import { checkTerminal, parseDetachKeys, runSession } from './session.ts'
import { followResize, forwardSignals } from './signals.ts'

export const command = defineCommand({
  usage: '[OPTIONS] CONTAINER',
  args: [1, 1],
  complete: 'running-container',
  flags: {
    'detach-keys': { type: 'string', help: 'Override the key sequence for detaching a container' },
    'no-stdin': { type: 'bool', help: 'Do not attach STDIN' },
    'sig-proxy': { type: 'bool', default: true, help: 'Proxy all received signals to the process' },
  },
  async run(context, { args, flags }) {
    const { containers } = context.client
    const detachKeys = flags['detach-keys'] || context.config.detachKeys || ''
    parseDetachKeys(detachKeys)
    const { Id: id, State: state, Config: config } = await containers.inspect(args[0]!)
    if (!state.Running) throw new CliError('You cannot attach to a stopped container, start it first')
    if (state.Paused) throw new CliError('You cannot attach to a paused container, unpause it first')
    if (state.Restarting) throw new CliError('You cannot attach to a restarting container, wait until it is running')
    const tty = config.Tty
    const stdin = !flags['no-stdin'] && config.OpenStdin
    checkTerminal(context, { stdin, tty })
    const stopForwarding = flags['sig-proxy'] && !tty ? forwardSignals(signal => containers.kill(id, signal)) : () => {}
    let stopResizing = () => {}
    try {
      const [hijacked, { exit }] = await Promise.all([
        containers.attach(id, { stdin, stdout: true, stderr: true, detachKeys: detachKeys || undefined, tty }),
        containers.wait(id),
      ])
      if (tty) stopResizing = followResize(context, (height, width) => containers.resize(id, height, width))
      const how = await runSession(context, hijacked, { stdin, stdout: true, stderr: true, tty, detachKeys })
      if (how === 'detached') {
        context.warn('\nread escape sequence')
        return 0
      }
      return (await exit).StatusCode
    } finally {
      stopForwarding()
      stopResizing()
    }
  },
})
