import { messageOf } from '#lib/errors.ts'
import type { ContainerWaitResponse } from '#wire/index.ts'
import { CliError, defineCommand } from '../core/command.ts'
import type { Context } from '../core/context.ts'
import { errorText } from '../core/report.ts'
import { createContainer } from './create-container.ts'
import { CREATE_FLAGS } from './options/flags.ts'
import { createRequest } from './options/request.ts'
import { checkTerminal, parseDetachKeys, runSession } from './session.ts'
import { consoleSize, followResize, forwardSignals } from './signals.ts'

const DAEMON_REFUSED = 125
const CANNOT_INVOKE = 126
const NOT_FOUND = 127

export const command = defineCommand({
  usage: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  args: [1, Infinity],
  interspersed: false,
  complete: 'image',
  failure: DAEMON_REFUSED,
  flags: {
    ...CREATE_FLAGS,
    detach: { type: 'bool', short: 'd', help: 'Run container in background and print container ID' },
    'detach-keys': { type: 'string', help: 'Override the key sequence for detaching a container' },
    'sig-proxy': { type: 'bool', default: true, help: 'Proxy received signals to the process' },
  },
  async run(context, { args, flags, changed }) {
    const [image, ...words] = args
    const request = createRequest(flags, changed, image!, words)
    if (flags.detach) {
      if (flags.attach.length > 0)
        throw new CliError('conflicting options: cannot specify both --attach and --detach', 1)
      Object.assign(request, { AttachStdin: false, AttachStdout: false, AttachStderr: false, StdinOnce: false })
    } else checkTerminal(context, { stdin: request.AttachStdin!, tty: flags.tty })
    const detachKeys = flags['detach-keys'] || context.config.detachKeys || ''
    parseDetachKeys(detachKeys)
    const size = flags.tty ? consoleSize(context) : undefined
    if (size) request.HostConfig!.ConsoleSize = size

    const id = await createContainer(context, request, flags)
    const attached = request.AttachStdin || request.AttachStdout || request.AttachStderr
    if (flags.detach || !attached) {
      await start(context, id)
      context.print(id)
      return 0
    }
    return runAttached(context, id, {
      stdin: request.AttachStdin!,
      stdout: request.AttachStdout!,
      stderr: request.AttachStderr!,
      tty: flags.tty,
      detachKeys,
      autoRemove: flags.rm,
      proxySignals: flags['sig-proxy'],
    })
  },
})

interface Attached {
  stdin: boolean
  stdout: boolean
  stderr: boolean
  tty: boolean
  detachKeys: string
  autoRemove: boolean
  proxySignals: boolean
}

async function runAttached(context: Context, id: string, options: Attached): Promise<number> {
  const { containers } = context.client
  const stopForwarding = options.proxySignals ? forwardSignals(signal => containers.kill(id, signal)) : () => {}
  let stopResizing = () => {}
  try {
    // Both before the start, so that neither the first output nor a quick exit is missed.
    const condition = options.autoRemove ? 'removed' : 'next-exit'
    const [hijacked, { exit }] = await Promise.all([
      containers.attach(id, {
        stdin: options.stdin,
        stdout: options.stdout,
        stderr: options.stderr,
        detachKeys: options.detachKeys || undefined,
        tty: options.tty,
      }),
      containers.wait(id, condition),
    ])
    const session = runSession(context, hijacked, options)
    session.catch(() => {})
    try {
      await start(context, id)
    } catch (error) {
      hijacked.close()
      await session.catch(() => {})
      // The daemon removes it; a script may use the name again at once.
      if (options.autoRemove)
        await Promise.race([exit.catch(() => {}), new Promise(resolve => setTimeout(resolve, 2000))])
      throw error
    }
    if (options.tty) stopResizing = followResize(context, (height, width) => containers.resize(id, height, width))
    if ((await session) === 'detached') {
      context.warn('\nread escape sequence')
      return 0
    }
    return exitCode(await exit)
  } finally {
    stopForwarding()
    stopResizing()
  }
}

function exitCode(answer: ContainerWaitResponse): number {
  if (answer.Error?.Message) throw new CliError(answer.Error.Message, DAEMON_REFUSED)
  return answer.StatusCode
}

async function start(context: Context, id: string): Promise<void> {
  try {
    await context.client.containers.start(id)
  } catch (error) {
    throw new CliError(errorText(error), startFailure(messageOf(error)))
  }
}

/** Docker tells "not found" from "may not be run" by the runtime's words. */
export function startFailure(message: string): number {
  const text = message.toLowerCase()
  if (text.includes('executable file not found') || text.includes('no such file or directory')) return NOT_FOUND
  if (text.includes('permission denied') || text.includes('is a directory')) return CANNOT_INVOKE
  return DAEMON_REFUSED
}
