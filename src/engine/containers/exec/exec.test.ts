import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BerthError } from '#lib/errors.ts'
import type { Attachment } from '#ports/runtime.ts'
import type { ExecRequest } from '../service.ts'
import { Harness } from '../testing/harness.ts'

const request = (part: Partial<ExecRequest> = {}): ExecRequest => ({
  command: ['ls'],
  env: [],
  user: '',
  workingDir: '',
  privileged: false,
  tty: false,
  attachStdin: false,
  attachStdout: true,
  attachStderr: true,
  detachKeys: '',
  consoleSize: null,
  ...part,
})

async function running(): Promise<{ t: Harness; id: string }> {
  const t = new Harness()
  await t.containers.recover()
  const id = await t.create('web', { User: 'web', Env: ['A=1'] })
  await t.containers.start(id)
  return { t, id }
}

async function textOf(attachment: Attachment | undefined): Promise<string> {
  let text = ''
  for await (const { data } of attachment?.output ?? []) text += data.toString()
  return text
}

test('output, exit code and events; the output ends only when the code is known', async () => {
  const { t, id } = await running()
  const execId = await t.containers.execCreate(id, request({ user: 'root', env: ['B=2'] }))
  const attachment = await t.containers.execStart(execId, { detach: false })
  const process = t.runtime.containers.get(id)?.execs.get(execId)?.options.process
  assert.deepEqual([process?.user.uid, process?.env.includes('A=1'), process?.env.includes('B=2')], [0, true, true])
  assert.ok(process?.env.includes('HOME=/root'))
  assert.deepEqual(t.containers.execIds(id), [execId])
  t.runtime.print({ containerId: id, execId }, 'stdout', 'hello')
  t.runtime.end({ containerId: id, execId }, 7)
  assert.equal(await textOf(attachment), 'hello')
  const { running: runs, exitCode } = t.containers.execGet(execId)
  assert.deepEqual([runs, exitCode, t.containers.execIds(id)], [false, 7, []])
  assert.deepEqual(t.actions().slice(-3), ['exec_create: ls', 'exec_start: ls', 'exec_die'])
  await assert.rejects(t.containers.execStart(execId, { detach: false }), { kind: 'conflict' })
})

test('a command that is not there: its error is the output, 127 the exit code', async () => {
  const { t, id } = await running()
  const execId = await t.containers.execCreate(id, request({ command: ['nope'] }))
  const words =
    'OCI runtime exec failed: unable to start container process: exec: "nope": executable file not found in $PATH'
  t.runtime.failNext('exec', new BerthError('invalid', words, { details: { reason: 'command-not-found' } }))
  const attachment = await t.containers.execStart(execId, { detach: false })
  assert.equal(
    await textOf(attachment),
    'OCI runtime exec failed: exec failed: unable to start container process: exec: "nope": executable file not found in $PATH: unknown\r\n',
  )
  assert.equal(t.containers.execGet(execId).exitCode, 127)
})

test('states and users', async () => {
  const { t, id } = await running()
  const execId = await t.containers.execCreate(id, request({ user: 'bob' }))
  await assert.rejects(t.containers.execStart(execId, { detach: false }), /unable to find user bob/)
  await t.containers.pause(id)
  await assert.rejects(t.containers.execCreate(id, request()), /is paused, unpause the container before exec/)
  await t.containers.stop(id, {})
  await assert.rejects(t.containers.execCreate(id, request()), /is not running/)
  await assert.rejects(t.containers.execStart('x', { detach: false }), { message: 'No such exec instance: x' })
})
