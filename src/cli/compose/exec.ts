import { defineCommand } from '../core/command.ts'
import { command as execCommand } from '../containers/exec.ts'
import { initialValue } from '../core/values.ts'
import { containerOf } from './project.ts'

export const command = defineCommand({
  usage: '[OPTIONS] SERVICE COMMAND [ARGS...]',
  args: [2, Infinity],
  interspersed: false,
  flags: {
    detach: { type: 'bool', short: 'd', help: 'Detached mode: Run command in the background' },
    env: { type: 'list', short: 'e', help: 'Set environment variables' },
    index: { type: 'int', help: 'Index of the container if service has multiple replicas' },
    interactive: {
      type: 'bool',
      short: 'i',
      default: true,
      help: 'Keep STDIN open even if not attached',
      hidden: true,
    },
    'no-tty': {
      type: 'bool',
      short: 'T',
      help: 'Disable pseudo-TTY allocation. By default a TTY is allocated when standard input and output are terminals.',
    },
    privileged: { type: 'bool', help: 'Give extended privileges to the process' },
    tty: { type: 'bool', short: 't', default: true, help: 'Allocate a pseudo-TTY', hidden: true },
    user: { type: 'string', short: 'u', help: 'Run the command as this user' },
    workdir: { type: 'string', short: 'w', help: 'Path to workdir directory for this command' },
  },
  async run(context, input) {
    const { flags, args } = input
    const container = await containerOf(context, input, args[0]!, flags.index)
    const defaults = Object.fromEntries(
      Object.entries(execCommand.flags).map(([name, spec]) => [name, initialValue(spec)]),
    )
    const tty = flags.tty && !flags['no-tty'] && context.stdin.isTTY === true && context.stdout.isTTY === true
    return execCommand.run(context, {
      ...input,
      args: [container.id, ...args.slice(1)],
      flags: {
        ...defaults,
        detach: flags.detach,
        env: flags.env,
        interactive: flags.interactive && !flags.detach,
        privileged: flags.privileged,
        tty,
        user: flags.user,
        workdir: flags.workdir,
      },
    })
  },
})
