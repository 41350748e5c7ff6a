import { frame } from '#codec/stdcopy.ts'
import { isKind, messageOf } from '#lib/errors.ts'
import { execCreateRequest, execStartRequest } from '#wire/exec-request.ts'
import type { ExecCreateResponse } from '#wire/index.ts'
import type { Context } from '../context.ts'
import { parseDetachKeys } from '../detach-keys.ts'
import { hijack } from '../hijack.ts'
import type { Needs } from '../needs.ts'
import { execInspect } from '../render/exec.ts'
import type { Route } from '../router.ts'
import { runSession } from '../session.ts'
import { dimension } from './container-life.ts'

export function execRoutes({ containers }: Needs): Route[] {
  return [
    {
      method: 'POST',
      path: '/containers/{id}/exec',
      async handle(context) {
        const request = execCreateRequest(await context.body())
        parseDetachKeys(request.detachKeys)
        const response: ExecCreateResponse = { Id: await containers.execCreate(context.param('id'), request) }
        context.json(201, response)
      },
    },
    { method: 'POST', path: '/exec/{id}/start', hijack: true, handle: start },
    {
      method: 'POST',
      path: '/exec/{id}/resize',
      async handle(context) {
        const { query } = context
        await containers.execResize(
          context.param('id'),
          dimension(query.text('h'), 'height'),
          dimension(query.text('w'), 'width'),
        )
        context.empty(200)
      },
    },
    {
      method: 'GET',
      path: '/exec/{id}/json',
      handle(context) {
        context.json(200, execInspect(containers.execGet(context.param('id'))))
      },
    },
  ]

  async function start(context: Context): Promise<void> {
    const { detach, tty, consoleSize } = execStartRequest(await context.body())
    const exec = containers.execGet(context.param('id'))
    if (detach) {
      await containers.execStart(exec.id, { detach, tty, consoleSize })
      context.empty(200)
      return
    }
    let attachment: Awaited<ReturnType<typeof containers.execStart>>
    try {
      attachment = await containers.execStart(exec.id, { detach, tty, consoleSize })
    } catch (error) {
      if (isKind(error, 'not-found') || isKind(error, 'conflict') || isKind(error, 'invalid')) throw error
      // Docker's client learns of a command that cannot run from the stream, and of 126 or 127 from inspect.
      const connection = hijack(context, { tty })
      const text = Buffer.from(`${messageOf(error)}\r\n`)
      connection.output.write(tty ? text : frame('stderr', text))
      connection.finish()
      return
    }
    const connection = hijack(context, { tty })
    if (!attachment) return connection.finish()
    await runSession(attachment, connection, {
      tty,
      stdin: exec.openStdin,
      stdout: exec.openStdout,
      stderr: exec.openStderr,
      closeStdin: true,
      detachKeys: parseDetachKeys(exec.detachKeys),
    })
  }
}
