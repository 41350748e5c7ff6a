import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { isKind } from '#lib/errors.ts'
import type { Attachment, CreateOptions, ExecOptions, ExitReport, ProcessRef, Runtime } from './runtime.ts'

/** What the suite needs beside the port, since a test must be able to tell a process what to do. */
export interface RuntimeHarness {
  runtime: Runtime
  /** A container whose process, and those of `exec`, obey `say` and `exit`. Ids are unique on the machine. */
  container(): CreateOptions
  exec(containerId: string): ExecOptions
  /** The process writes this to its stdout. */
  say(ref: ProcessRef, text: string): Promise<void>
  exit(ref: ProcessRef, code: number): Promise<void>
}

const SIGKILL = 9

/** The contract of Runtime. */
export function runtimeSuite(name: string, harness: (t: TestContext) => RuntimeHarness): void {
  const contract = (what: string, run: (h: RuntimeHarness, t: TestContext) => Promise<void>) =>
    test(`${name}: ${what}`, async t => await run(harness(t), t))

  contract('a container is absent, created, running, exited, absent', async h => {
    const options = h.container()
    const { id } = options
    const exits = collect(h.runtime)
    assert.deepEqual(await h.runtime.inspect(id), { kind: 'absent' })
    const created = await h.runtime.create(options)
    assert.deepEqual(await h.runtime.inspect(id), { kind: 'created', ...created })
    await assert.rejects(h.runtime.create(options), error => isKind(error, 'conflict'))
    await h.runtime.start(id)
    assert.deepEqual(await h.runtime.inspect(id), { kind: 'running', ...created })
    await assert.rejects(h.runtime.start(id), error => isKind(error, 'conflict'))
    assert.ok((await h.runtime.list()).includes(id))
    await h.exit({ containerId: id }, 7)
    const exit = await exits.next(id)
    assert.equal(exit.exitCode, 7)
    assert.equal(exit.oomKilled, false)
    assert.ok(Math.abs(exit.finishedAt - Date.now()) < 10_000)
    assert.deepEqual(await h.runtime.inspect(id), { kind: 'exited', exit })
    await h.runtime.delete(id)
    assert.deepEqual(await h.runtime.inspect(id), { kind: 'absent' })
    assert.ok(!(await h.runtime.list()).includes(id))
    await h.runtime.delete(id)
    assert.equal(exits.all.filter(report => report.containerId === id).length, 1, 'reported once')
    exits.stop()
  })

  contract('the same id can be created again after delete', async h => {
    const options = h.container()
    for (let i = 0; i < 2; i++) {
      await h.runtime.create(options)
      await h.runtime.start(options.id)
      await h.runtime.delete(options.id)
    }
    assert.deepEqual(await h.runtime.inspect(options.id), { kind: 'absent' })
  })

  contract('output from the first byte on reaches every client that attached before the start', async h => {
    const options = h.container()
    const ref = { containerId: options.id }
    await h.runtime.create(options)
    const first = collectOutput(await h.runtime.attach(ref))
    const second = collectOutput(await h.runtime.attach(ref, { stdin: false }))
    await h.runtime.start(options.id)
    await h.say(ref, 'hello')
    await h.exit(ref, 0)
    assert.equal(await first, 'stdout:hello\n')
    assert.equal(await second, 'stdout:hello\n')
    await h.runtime.delete(options.id)
  })

  contract('a client that closes leaves the others and the process alone', async h => {
    const options = h.container()
    const ref = { containerId: options.id }
    await h.runtime.create(options)
    const staying = collectOutput(await h.runtime.attach(ref))
    const leaving = await h.runtime.attach(ref, { stdin: false })
    await h.runtime.start(options.id)
    leaving.close()
    for await (const _ of leaving.output) assert.fail('a closed attachment yields nothing')
    await h.say(ref, 'still here')
    await h.exit(ref, 0)
    assert.equal(await staying, 'stdout:still here\n')
    await h.runtime.delete(options.id)
  })

  contract('signals reach the process, and one that has gone is not found', async h => {
    const options = h.container()
    const ref = { containerId: options.id }
    const exits = collect(h.runtime)
    await h.runtime.create(options)
    await h.runtime.start(options.id)
    await h.runtime.signal(ref, 0)
    await h.runtime.signal(ref, SIGKILL)
    assert.equal((await exits.next(options.id)).exitCode, 128 + SIGKILL)
    await assert.rejects(h.runtime.signal(ref, SIGKILL), error => isKind(error, 'not-found'))
    await assert.rejects(h.runtime.attach(ref), error => isKind(error, 'not-found'))
    await h.runtime.delete(options.id)
    exits.stop()
  })

  contract('an exec is attached before it runs, and its exit is reported', async h => {
    const options = h.container()
    const exits = collect(h.runtime)
    await h.runtime.create(options)
    const exec = h.exec(options.id)
    await assert.rejects(h.runtime.exec(exec), error => isKind(error, 'conflict'), 'not started yet')
    await h.runtime.start(options.id)
    const { pid, attachment } = await h.runtime.exec({ ...exec, attach: true })
    assert.ok(pid > 0)
    const output = collectOutput(attachment!)
    const ref = { containerId: options.id, execId: exec.execId }
    await h.say(ref, 'from the exec')
    await h.exit(ref, 3)
    assert.equal(await output, 'stdout:from the exec\n')
    const exit = await exits.next(exec.execId)
    assert.deepEqual({ ...exit, finishedAt: 0 }, { ...ref, exitCode: 3, finishedAt: 0, oomKilled: false })
    assert.equal((await h.runtime.inspect(options.id)).kind, 'running')
    await h.runtime.delete(options.id)
    exits.stop()
  })

  contract('execs end with their container', async h => {
    const options = h.container()
    const exits = collect(h.runtime)
    await h.runtime.create(options)
    await h.runtime.start(options.id)
    const exec = h.exec(options.id)
    await h.runtime.exec(exec)
    await h.runtime.delete(options.id)
    assert.equal((await exits.next(exec.execId)).exitCode, 128 + SIGKILL)
    assert.equal((await exits.next(options.id)).exitCode, 128 + SIGKILL)
    exits.stop()
  })

  contract('an exit that nobody watched for is reported to the next who watches', async h => {
    const options = h.container()
    await h.runtime.create(options)
    await h.runtime.start(options.id)
    await h.exit({ containerId: options.id }, 5)
    while ((await h.runtime.inspect(options.id)).kind !== 'exited') await new Promise(r => setTimeout(r, 5))
    const exits = collect(h.runtime)
    assert.equal((await exits.next(options.id)).exitCode, 5)
    await h.runtime.delete(options.id)
    exits.stop()
  })
}

async function collectOutput(attachment: Attachment): Promise<string> {
  let text = ''
  for await (const { stream, data } of attachment.output) text += `${text === '' ? `${stream}:` : ''}${data.toString()}`
  return text
}

function collect(runtime: Runtime) {
  const all: ExitReport[] = []
  let wake = () => {}
  const stop = runtime.watchExits(report => {
    all.push(report)
    wake()
  })
  /** @param id of a container, or of an exec */
  const next = async (id: string): Promise<ExitReport> => {
    for (;;) {
      const found = all.find(report => (report.execId ?? report.containerId) === id)
      if (found) return found
      await new Promise<void>(resolve => (wake = resolve))
    }
  }
  return { all, next, stop }
}
