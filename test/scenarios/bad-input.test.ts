import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { badRequests, type BadRequest } from '#http/testing/bad-requests.ts'
import { call } from '#http/testing/test-server.ts'
import { TestDaemon } from '../support/daemon.ts'
import { faultsIn, stateOf } from '../support/state.ts'
import { wrongForWorld, type World } from './bad-input-table.ts'

const daemon = new TestDaemon()
let world: World

before(async () => {
  await daemon.start()
  await daemon.loadBusybox()
  world = await makeWorld()
})
after(() => daemon.dispose())

/** One container in each state, a network, a volume and an image that are in use. */
async function makeWorld(): Promise<World> {
  const { containers, networks, volumes } = daemon.client
  const network = await networks.create({
    Name: 'backend',
    IPAM: { Driver: 'default', Config: [{ Subnet: '10.214.6.0/24' }] },
  } as never)
  await volumes.create({ Name: 'data', Labels: { of: 'test' } })
  const make = async (name: string, more: Record<string, unknown> = {}, host: Record<string, unknown> = {}) => {
    const request = { Image: 'busybox', Cmd: ['sleep', '3600'], ...more, HostConfig: { StopTimeout: 0, ...host } }
    const { Id } = await containers.create(request as never, { name })
    daemon.seen.add(Id)
    return Id
  }
  const web = await make(
    'web',
    { NetworkingConfig: { EndpointsConfig: { backend: { IPAMConfig: { IPv4Address: '10.214.6.40' } } } } },
    { NetworkMode: 'backend', Binds: ['data:/data'] },
  )
  const paused = await make('paused')
  const created = await make('created')
  const exited = await make('exited', { Cmd: ['true'] })
  const locked = await make('locked', {}, { ReadonlyRootfs: true, NetworkMode: 'none', Binds: ['data:/ro:ro'] })
  const hosted = await make('hosted', {}, { NetworkMode: 'host' })
  const joined = await make('joined', {}, { NetworkMode: 'container:web' })
  for (const id of [web, paused, exited, locked, hosted]) await containers.start(id)
  await (
    await containers.wait(exited)
  ).exit
  await containers.pause(paused)
  const exec = await call(daemon.socket, 'POST', '/containers/web/exec', { Cmd: ['true'] })
  const { Id: execId } = JSON.parse(exec.text) as { Id: string }
  await call(daemon.socket, 'POST', `/exec/${execId}/start`, { Detach: true })
  const image = (await daemon.client.images.inspect('busybox')).Id
  return { web, paused, created, exited, locked, hosted, joined, network: network.Id, image, exec: execId }
}

const labelOf = ({ method, path, body }: BadRequest) => {
  const text = Buffer.isBuffer(body) ? `${body.length} bytes` : typeof body === 'string' ? body : JSON.stringify(body)
  return `${method} ${path.slice(0, 120)} ${(text ?? '').slice(0, 100)}`
}

async function refuses(requests: readonly BadRequest[], t: { diagnostic(text: string): void }): Promise<void> {
  const wrong: string[] = []
  let state = await stateOf(daemon)
  for (const request of requests) {
    const { method, path, body, headers, status, message } = request
    const log = daemon.log.length
    const began = performance.now()
    const problems: string[] = []
    try {
      const answer = await call(daemon.socket, method, path, body, headers)
      if (answer.status !== status)
        problems.push(`status ${answer.status}, not ${status}: ${answer.text.slice(0, 300)}`)
      else if (status !== 304) {
        const said = saidIn(answer.text)
        if (!message.test(said)) problems.push(`says ${JSON.stringify(said.slice(0, 400))}, not ${message}`)
      }
    } catch (error) {
      problems.push(String(error))
    }
    const ms = performance.now() - began
    if (ms > 3000) problems.push(`took ${ms.toFixed(0)} ms`)
    const now = await stateOf(daemon)
    const came = now.filter(line => !state.includes(line)).map(line => `+ ${line.slice(0, 300)}`)
    const went = state.filter(line => !now.includes(line)).map(line => `- ${line.slice(0, 300)}`)
    problems.push(...came, ...went)
    problems.push(...faultsIn(daemon.log.slice(log)))
    if (problems.length > 0) wrong.push([labelOf(request), ...problems].join('\n    '))
    state = now
  }
  t.diagnostic(`${requests.length} requests`)
  assert.equal(wrong.length, 0, `${wrong.length} of ${requests.length}:\n${wrong.join('\n')}`)
}

/** The message of an answer, or the error at the end of a progress stream. */
function saidIn(text: string): string {
  const last = text.trim().split('\n').at(-1) ?? ''
  try {
    const { message, error } = JSON.parse(last) as { message?: string; error?: string }
    return message ?? error ?? text
  } catch {
    return text
  }
}

test('requests that are wrong by themselves: refused in the right words, and nothing changes', t =>
  refuses(badRequests, t))

test('requests that do not fit what is there: refused in the right words, and nothing changes', t =>
  refuses(wrongForWorld(world), t))

test('the daemon is well afterwards', async () => {
  assert.equal(await daemon.client.containers.list().then(list => list.length), 4)
  const { Id } = await daemon.client.containers.create({ Image: 'busybox', Cmd: ['true'] })
  await daemon.client.containers.start(Id)
  const { exit } = await daemon.client.containers.wait(Id)
  assert.equal((await exit).StatusCode, 0)
  assert.deepEqual(faultsIn(daemon.log), [])
})
