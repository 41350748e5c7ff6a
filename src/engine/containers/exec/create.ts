import { BerthError, invalid } from '#lib/errors.ts'
import type { ContainerRecord } from '#model/container.ts'
import { canExec } from '#model/container-state.ts'
import type { ExecRecord } from '#model/exec.ts'
import { publish, type Context } from '../context.ts'
import type { ExecRequest } from '../service.ts'

/** `POST /containers/{id}/exec`. @throws conflict when the container does not run or is paused */
export async function execCreate(ctx: Context, reference: string, request: ExecRequest): Promise<string> {
  const record = ctx.records.find(reference)
  demandRunning(record)
  if (request.command.length === 0) throw invalid('No exec command specified')
  if (request.workingDir && !request.workingDir.startsWith('/')) {
    throw invalid(`the working directory '${request.workingDir}' is invalid, it needs to be an absolute path`)
  }
  const exec: ExecRecord = {
    id: ctx.randomHex(64),
    containerId: record.id,
    running: false,
    exitCode: null,
    pid: 0,
    openStdin: request.attachStdin,
    openStdout: request.attachStdout,
    openStderr: request.attachStderr,
    tty: request.tty,
    detachKeys: request.detachKeys,
    user: request.user,
    privileged: request.privileged,
    env: request.env,
    workingDir: request.workingDir,
    command: request.command,
    consoleSize: request.consoleSize,
  }
  ctx.execs.set(exec.id, exec)
  publish(ctx, record, `exec_create: ${request.command.join(' ')}`, { execID: exec.id })
  return exec.id
}

export function demandRunning(record: ContainerRecord): void {
  const verdict = canExec(record.state)
  if (!verdict.ok) throw new BerthError('conflict', `container ${record.id} ${verdict.reason}`)
}
