import { defineCommand } from '../core/command.ts'
import type { ExecCreateRequest } from '#wire/index.ts'
import { checkEnv } from './options/checks.ts'
import { readPairs } from './options/files.ts'
import { checkTerminal, parseDetachKeys, runSession } from './session.ts'
import { consoleSize, followResize } from './signals.ts'

export const command = defineCommand({
  usage: '[OPTIONS] CONTAINER COMMAND [ARG...]',
  args: [2, Infinity],
  interspersed: false,
  complete: 'running-container',
  flags: {
    detach: { type: 'bool', short: 'd', help: 'Detached mode: run command in the background' },
    'detach-keys': { type: 'string', help: 'Override the key sequence for detaching a container' },
    env: { type: 'list', short: 'e', help: 'Set environment variables', check: checkEnv },
    'env-file': { type: 'list', help: 'Read in a file of environment variables', complete: 'file' },
    interactive: { type: 'bool', short: 'i', help: 'Keep STDIN open even if not attached' },
    privileged: { type: 'bool', help: 'Give extended privileges to the command' },
    tty: { type: 'bool', short: 't', help: 'Allocate a pseudo-TTY' },
    user: { type: 'string', short: 'u', help: 'Username or UID (format: "<name|uid>[:<group|gid>]")' },
    workdir: { type: 'string', short: 'w', help: 'Working directory inside the container' },
  },
  async run(context, { args, flags }) {
    const [container, ...words] = args
    const { exec } = context.client
    const { tty, detach } = flags
    const detachKeys = flags['detach-keys'] || context.config.detachKeys || ''
    parseDetachKeys(detachKeys)
    const stdin = flags.interactive && !detach
    checkTerminal(context, { stdin, tty })
    const size = tty ? consoleSize(context) : undefined
    const request: ExecCreateRequest = {
      AttachStdin: stdin,
      AttachStdout: !detach,
      AttachStderr: !detach,
      Tty: tty,
      Cmd: words,
      Env: [...flags['env-file'].flatMap(path => readPairs(path, name => process.env[name])), ...flags.env],
      Privileged: flags.privileged,
      User: flags.user,
      WorkingDir: flags.workdir,
      DetachKeys: detachKeys || undefined,
      ConsoleSize: size,
    }
    const id = await exec.create(container!, request)
    if (detach) {
      await exec.startDetached(id, { Tty: tty, ConsoleSize: size })
      return 0
    }
    const hijacked = await exec.start(id, { Tty: tty, ConsoleSize: size })
    const stopResizing = tty ? followResize(context, (height, width) => exec.resize(id, height, width)) : () => {}
    try {
      const how = await runSession(context, hijacked, { stdin, stdout: true, stderr: true, tty, detachKeys })
      if (how === 'detached') {
        context.warn('\nread escape sequence')
        return 0
      }
      const { ExitCode, Running } = await exec.inspect(id)
      if (ExitCode === null && Running) return 0
      return ExitCode ?? 0
    } finally {
      stopResizing()
    }
  },
})
