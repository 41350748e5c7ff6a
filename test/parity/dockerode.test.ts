import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { PassThrough, type Duplex, type Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { after, afterEach, before, test } from 'node:test'
import Docker from 'dockerode'
import { extract, pack } from 'tar-stream'
import { startRegistry } from '#engine/images/testing/registry-server.ts'
import { clear } from '../support/containers.ts'
import { TestDaemon } from '../support/daemon.ts'
import { until } from '../support/tools.ts'

const registryProgram = spawnSync('docker-registry', ['--version']).error === undefined
const daemon = new TestDaemon()
const docker = new Docker({ socketPath: daemon.socket })
before(async () => {
  await daemon.start()
  await daemon.loadBusybox()
})
after(() => daemon.dispose())
afterEach(() => clear(daemon))

async function create(
  name: string,
  Cmd: string[],
  more: Docker.ContainerCreateOptions = {},
): Promise<Docker.Container> {
  return docker.createContainer({ Image: 'busybox', name, Cmd, ...more })
}

async function started(name: string, Cmd = ['sleep', '1000'], more: Docker.ContainerCreateOptions = {}) {
  const container = await create(name, Cmd, more)
  await container.start()
  return container
}

/** Splits as dockerode's users do. */
async function demuxed(stream: NodeJS.ReadableStream): Promise<{ stdout: string; stderr: string }> {
  const out = new PassThrough()
  const err = new PassThrough()
  docker.modem.demuxStream(stream, out, err)
  stream.once('end', () => {
    out.end()
    err.end()
  })
  const [stdout, stderr] = await Promise.all([text(out), text(err)])
  return { stdout, stderr }
}

test('ping, version, info', async () => {
  assert.equal(String(await docker.ping()), 'OK')
  assert.equal((await docker.version()).Os, 'linux')
  const info = (await docker.info()) as { ID: string; OSType: string; Images: number }
  assert.equal(info.OSType, 'linux')
  assert.equal(info.Images, 1)
})

test('attach with stdin: what goes in comes back, its end ends the process', async () => {
  const container = await create('cat', ['sh', '-c', 'cat; echo over >&2'], {
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
  })
  const stream = await container.attach({ stream: true, hijack: true, stdin: true, stdout: true, stderr: true })
  await container.start()
  const read = demuxed(stream)
  stream.write('first\n')
  stream.write('second\n')
  stream.end()
  assert.deepEqual(await read, { stdout: 'first\nsecond\n', stderr: 'over\n' })
  assert.equal(((await container.wait()) as { StatusCode: number }).StatusCode, 0)
})

test('docker.run: output, exit code, removal', async () => {
  const out = new PassThrough()
  const read = text(out)
  const [result, container] = (await docker.run('busybox', ['sh', '-c', 'echo ran; exit 3'], out, {
    Tty: false,
    HostConfig: {},
  })) as [{ StatusCode: number }, Docker.Container]
  // Its end comes with that of the attach stream, which may be later than the answer to wait.
  assert.equal(result.StatusCode, 3)
  assert.match(await read, /ran\n/)
  await container.remove()
})

test('exec with a terminal: raw output, resize, exit code', async () => {
  const container = await started('term')
  const exec = await container.exec({
    Cmd: ['sh'],
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    Tty: true,
  })
  const stream = await exec.start({ hijack: true, stdin: true, Tty: true })
  let seen = ''
  stream.on('data', (chunk: Buffer) => (seen += chunk.toString()))
  const ended = once(stream, 'end')
  await until('a prompt', () => seen.includes('# ') || undefined)
  await exec.resize({ h: 44, w: 111 })
  stream.write('stty size\n')
  await until('the size', () => seen.includes('44 111') || undefined)
  assert.equal((await exec.inspect()).Running, true)
  stream.write('exit 7\n')
  await ended
  assert.equal((await exec.inspect()).ExitCode, 7)
})

test('exec without one: framed, with its own environment, user and directory', async () => {
  const container = await started('plain')
  const exec = await container.exec({
    Cmd: ['sh', '-c', 'echo $A $(id -u) $PWD; echo wrong >&2'],
    AttachStdout: true,
    AttachStderr: true,
    Env: ['A=b'],
    User: '12',
    WorkingDir: '/tmp',
  })
  const stream: Duplex = await exec.start({})
  assert.deepEqual(await demuxed(stream), { stdout: 'b 12 /tmp\n', stderr: 'wrong\n' })
})

test('logs follow to the end of the container', async () => {
  const container = await started('talker', ['sh', '-c', 'for i in 1 2 3; do echo $i; usleep 20000; done'])
  const stream = await container.logs({ follow: true, stdout: true, stderr: true })
  assert.deepEqual(await demuxed(stream), { stdout: '1\n2\n3\n', stderr: '' })
  const whole = await container.logs({ follow: false, stdout: true, tail: 1 })
  assert.ok(Buffer.from(whole as unknown as string).includes('3\n'))
})

test('stats: one sample, and a stream of them', async () => {
  const container = await started('busy', ['sh', '-c', 'while :; do :; done'], { HostConfig: { Memory: 64 << 20 } })
  const one = await container.stats({ stream: false })
  assert.ok(one.cpu_stats.cpu_usage.total_usage > one.precpu_stats.cpu_usage.total_usage)
  assert.ok(one.cpu_stats.system_cpu_usage > one.precpu_stats.system_cpu_usage)
  assert.equal(one.memory_stats.limit, 64 << 20)
  assert.ok(one.networks['eth0'])
  assert.equal((one as unknown as { name: string }).name, '/busy')
  const stream = (await container.stats({ stream: true })) as unknown as Readable
  const [chunk] = (await once(stream, 'data')) as [Buffer]
  assert.match(chunk.toString(), /"pids_stats"/)
  stream.destroy()
})

test('events arrive as they happen, filtered', async () => {
  const stream = (await docker.getEvents({ filters: { type: ['container'], container: ['watched'] } })) as Readable
  const seen: string[] = []
  const enough = new Promise<void>(resolve => {
    let rest = ''
    stream.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n')
      rest = lines.pop()!
      for (const line of lines.filter(Boolean)) seen.push((JSON.parse(line) as { Action: string }).Action)
      if (seen.includes('destroy')) resolve()
    })
  })
  const container = await started('watched', ['true'])
  await container.wait()
  await container.remove()
  await enough
  stream.destroy()
  assert.deepEqual(seen, ['create', 'start', 'die', 'destroy'])
})

test('archives in both directions', async () => {
  const container = await started('box')
  const tar = pack()
  tar.entry({ name: 'in/file', mode: 0o640, uid: 3, gid: 4 }, 'content')
  tar.finalize()
  await container.putArchive(await buffer(tar), { path: '/tmp' })
  const got = (await container.getArchive({ path: '/tmp/in' })) as Readable
  const files: Record<string, string> = {}
  for await (const entry of got.pipe(extract())) {
    files[`${entry.header.name} ${entry.header.mode?.toString(8)}`] = (await buffer(entry)).toString()
  }
  assert.equal(files['in/file 640'], 'content')
  await assert.rejects(container.getArchive({ path: '/nowhere' }), { statusCode: 404 })
})

test('networks and volumes', async () => {
  const network = await docker.createNetwork({ Name: 'rode', CheckDuplicate: true })
  const container = await started('joiner')
  await network.connect({ Container: container.id, EndpointConfig: { Aliases: ['j'] } })
  const { NetworkSettings } = await container.inspect()
  assert.deepEqual(Object.keys(NetworkSettings.Networks).sort(), ['bridge', 'rode'])
  await network.disconnect({ Container: container.id })
  assert.deepEqual(Object.keys((await container.inspect()).NetworkSettings.Networks), ['bridge'])
  await network.remove()

  const volume = await docker.createVolume({ Name: 'rode-data', Labels: { a: 'b' } })
  assert.equal(volume.name, 'rode-data')
  const shown = await docker.getVolume('rode-data').inspect()
  assert.deepEqual(shown.Labels, { a: 'b' })
  assert.equal((await docker.listVolumes({ filters: { label: ['a=b'] } })).Volumes.length, 1)
  await docker.getVolume('rode-data').remove()
})

test('errors carry their status and the words of the daemon', async () => {
  await assert.rejects(docker.getContainer('nobody').inspect(), { statusCode: 404, reason: 'no such container' })
  await assert.rejects(create('bad', ['true'], { Image: 'absent' }), {
    statusCode: 404,
    message: /No such image: absent/,
  })
  const container = await create('twice', ['true'])
  await assert.rejects(create('twice', ['true']), { statusCode: 409 })
  await assert.rejects(container.kill(), { statusCode: 409 })
})

test(
  'push to a registry and pull from it',
  { skip: !registryProgram && 'docker-registry is not installed' },
  async () => {
    const registry = await startRegistry()
    try {
      const name = `127.0.0.1:${registry.port}/team/box`
      await docker.getImage('busybox').tag({ repo: name, tag: '1' })
      const pushed = await finished(await docker.getImage(`${name}:1`).push({ authconfig: {} }))
      assert.ok(pushed.some(line => /digest: sha256:/.test(line.status ?? '')))
      const { Id } = await docker.getImage(`${name}:1`).inspect()
      await docker.getImage(`${name}:1`).remove()
      await assert.rejects(docker.getImage(`${name}:1`).inspect(), { statusCode: 404 })
      const pulled = await finished((await docker.pull(`${name}:1`)) as NodeJS.ReadableStream)
      assert.match(pulled.at(-1)!.status!, /Status: /)
      assert.equal((await docker.getImage(`${name}:1`).inspect()).Id, Id)
      const container = await started('pulled', ['true'], { Image: `${name}:1` })
      assert.equal(((await container.wait()) as { StatusCode: number }).StatusCode, 0)
      await container.remove()
      await docker.getImage(`${name}:1`).remove()
      await assert.rejects(
        docker.pull(`127.0.0.1:${registry.port}/no/such:1`).then(stream => finished(stream as NodeJS.ReadableStream)),
        /not found|manifest unknown|does not exist/,
      )
    } finally {
      await registry.stop()
    }
  },
)

interface Progress {
  status?: string
  error?: string
}

function finished(stream: NodeJS.ReadableStream): Promise<Progress[]> {
  return new Promise((resolve, reject) => {
    docker.modem.followProgress(stream, (error: Error | null, lines: Progress[]) =>
      error ? reject(error) : resolve(lines),
    )
  })
}
