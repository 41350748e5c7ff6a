import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { DiskUsage } from '#wire/index.ts'
import { dockerClient, TestDaemon } from '../support/daemon.ts'
import { until } from '../support/tools.ts'

const daemon = new TestDaemon()
const { containers, volumes, system } = daemon.client
before(async () => {
  await daemon.start()
  await daemon.loadBusybox()
})
after(() => daemon.dispose())

const du = (path: string) => Number(execFileSync('du', ['-sxB1', path], { encoding: 'utf8' }).split('\t')[0])
const near = (told: number, real: number, what: string) =>
  assert.ok(Math.abs(told - real) <= Math.max(0.02 * real, 16_384), `${what}: ${told} told, ${real} on disk`)
const dataOf = (name: string) => join(daemon.dataRoot, 'volumes', name, '_data')

async function run(name: string, command: string, more: Record<string, unknown> = {}, labels = {}): Promise<string> {
  const { Id } = await containers.create(
    {
      Image: 'busybox',
      Cmd: ['sh', '-c', command],
      Labels: labels,
      HostConfig: { NetworkMode: 'none', StopTimeout: 0, ...more },
    } as never,
    { name },
  )
  daemon.seen.add(Id)
  await containers.start(Id)
  return Id
}

async function ran(...args: Parameters<typeof run>): Promise<string> {
  const id = await run(...args)
  await (
    await containers.wait(id)
  ).exit
  return id
}

const sizeOf = (usage: DiskUsage, name: string) => usage.Volumes!.find(one => one.Name === name)!.UsageData!.Size

describe('disk usage', () => {
  test('what is told of volumes, layers, logs and images is what du finds, and all of it the data root', async () => {
    await ran('filler', 'dd if=/dev/urandom of=/v/a bs=1M count=7; ln /v/a /v/b; dd if=/dev/zero of=/x bs=1M count=5', {
      Binds: ['data:/v'],
    })
    const live = await run('live', 'dd if=/dev/urandom of=/w/a bs=1M count=3; seq 200000; touch /done; sleep 1000', {
      Binds: ['busy:/w'],
    })
    await until('it has written', async () =>
      (await containers.changes(live)).some(({ Path }) => Path === '/done') ? true : undefined,
    )
    await ran('committed', 'dd if=/dev/urandom of=/y bs=1M count=6')
    await containers.commit({ container: 'committed', repo: 'derived' })
    const usage = await system.diskUsage()
    near(sizeOf(usage, 'data'), du(dataOf('data')), 'a volume at rest')
    near(sizeOf(usage, 'busy'), du(dataOf('busy')), 'a volume in use')
    const own = usage.Berth!
    const logs = execFileSync('sh', ['-c', `cat ${daemon.dataRoot}/containers/*/*.log | wc -c`], { encoding: 'utf8' })
    near(
      own.Logs.reduce((sum, log) => sum + log.Size, 0),
      Number(logs),
      'logs',
    )
    const layers = usage.Containers!.reduce((sum, one) => sum + one.SizeRw!, 0)
    const images = usage.LayersSize!
    near(layers + images, du(join(daemon.dataRoot, 'snapshots')) + du(join(daemon.dataRoot, 'content')), 'layers')
    const [derived, busybox] = ['derived:latest', 'busybox:latest'].map(tag =>
      usage.Images!.find(image => image.RepoTags.includes(tag))!,
    )
    assert.equal(derived!.SharedSize, busybox!.SharedSize)
    near(derived!.Size - derived!.SharedSize + busybox!.Size, images, 'unique and shared bytes')
    near(own.ImagesReclaimable, derived!.Size - derived!.SharedSize, 'what no container needs')
    const all =
      layers +
      images +
      own.PartialPulls +
      own.Other +
      own.Logs.reduce((sum, log) => sum + log.Size, 0) +
      usage.Volumes!.reduce((sum, one) => sum + one.UsageData!.Size, 0)
    near(all, du(daemon.dataRoot), 'everything')
    await containers.remove('live', { force: true })
  })

  test('is kept over kills, and follows what containers, copies and the host change', async () => {
    const told = async (name: string) => sizeOf(await system.diskUsage(), name)
    await daemon.stop('SIGKILL')
    await daemon.start()
    near(await told('data'), du(dataOf('data')), 'after a kill')
    await ran('grows', 'dd if=/dev/urandom of=/v/more bs=1M count=4', { Binds: ['data:/v'] })
    near(await told('data'), du(dataOf('data')), 'after another container')
    writeFileSync(join(dataOf('data'), 'by-hand'), Buffer.alloc(3 << 20, 1))
    near(await told('data'), du(dataOf('data')), 'changed by the host at its top')
    mkdirSync(join(dataOf('data'), 'deep'))
    await told('data')
    writeFileSync(join(dataOf('data'), 'deep', 'by-hand'), Buffer.alloc(5 << 20, 1))
    // Deep changes of the host are looked for by reports that come a moment after the last look.
    await until('deep changes are seen', async () =>
      Math.abs((await told('data')) - du(dataOf('data'))) < 16_384 ? true : undefined,
    )
    rmSync(join(dataOf('data'), 'deep'), { recursive: true })
    near(await told('data'), du(dataOf('data')), 'after a removal')
    const stopped = (await system.diskUsage()).Containers!.find(one => one.Names[0] === '/filler')!
    near(stopped.SizeRw!, 5 << 20, 'a layer at rest')
    await containers.start('filler')
    await (
      await containers.wait('filler')
    ).exit
    await containers.remove('grows')
  })

  for (const tool of dockerClient ? (['docker', 'berth'] as const) : (['berth'] as const)) {
    test(`${tool}: the four lines of Docker come first`, async () => {
      const { stdout, code } = daemon[tool]('system', 'df')
      assert.equal(code, 0)
      const lines = stdout.trim().split('\n')
      assert.deepEqual(
        lines.slice(0, 5).map(line => line.slice(0, 13).trim()),
        ['TYPE', 'Images', 'Containers', 'Local Volumes', 'Build Cache'],
      )
      assert.match(lines[1]!, /^Images +2 +1 +\d+\.\d+MB +\d+\.\d+MB \(\d+%\)$/)
      const own = lines.slice(5).map(line => line.slice(0, 13).trim())
      assert.deepEqual(own, tool === 'docker' ? [] : ['Logs', 'Trash', 'Partial Pulls', 'Other'])
      assert.match(daemon[tool]('system', 'df', '-v').stdout, /Local Volumes space usage:[^]*data +1 +1\d\.\d+MB\n/)
      const rows = daemon[tool]('system', 'df', '--format', '{{.Type}}={{.TotalCount}}').stdout
      assert.match(rows, /^Images=2\nContainers=2\nLocal Volumes=2\nBuild Cache=0\n/)
    })
  }
})

describe('prune', () => {
  test('removes what the plan said, gives back what it said, and the plan changes nothing', async () => {
    await ran('labelled', 'true', {}, { keep: 'yes' })
    await ran('anonymous', 'dd if=/dev/urandom of=/a/x bs=1M count=2', {
      Binds: [],
      Mounts: [{ Type: 'volume', Target: '/a' }],
    })
    // Without the store, whose log comes and goes.
    const taken = () =>
      ['containers', 'content', 'snapshots', 'volumes'].reduce((sum, name) => sum + du(join(daemon.dataRoot, name)), 0)
    const before = taken()
    const plan = await system.prunePreview({
      containers: { 'label!': ['keep'] },
      networks: {},
      volumes: {},
      images: { dangling: ['false'] },
    })
    assert.deepEqual(plan.Containers.map(one => one.Name).toSorted(), ['anonymous', 'committed', 'filler'])
    assert.deepEqual(
      plan.Images.map(one => one.Names),
      [['derived:latest']],
      'busybox has a container that stays',
    )
    assert.equal(plan.Volumes.length, 1)
    assert.equal((await containers.list({ all: true })).length, 4)
    const shown = daemon.berth('system', 'prune', '--dry-run', '-a', '--volumes', '--filter', 'label!=keep').stdout
    assert.match(shown, /Would remove Containers:\n[^]*filler[^]*Would remove Images:\n[^]*derived:latest/)
    const { stdout } = daemon.berth('system', 'prune', '-af', '--volumes', '--filter', 'label!=keep')
    const removed = /Deleted Containers:\n([^]*?)\n\n/.exec(stdout)![1]!.split('\n')
    assert.deepEqual(removed.toSorted(), plan.Containers.map(one => one.Id).toSorted())
    assert.match(stdout, new RegExp(`Deleted Volumes:\n${plan.Volumes[0]!.Name}\n`))
    assert.match(stdout, /untagged: derived:latest/)
    const told = Number(/Total reclaimed space: ([\d.]+)MB/.exec(stdout)![1]) * 1e6
    near(told, plan.SpaceReclaimable, 'reclaimed as planned')
    // The files of a removed container go a moment later.
    await until('the room has come back', () => (Math.abs(before - taken() - told) < 500_000 ? true : undefined))
    assert.deepEqual(
      (await volumes.list()).Volumes.map(one => one.Name).toSorted(),
      ['busy', 'data'],
      'named volumes stay',
    )
  })

  test('filters: until is not for volumes; what a container refers to stays, also while containers come', async () => {
    const { code, stderr } = daemon.berth('system', 'prune', '-f', '--volumes', '--filter', 'until=1h')
    assert.deepEqual([code, stderr.trim()], [1, 'ERROR: The "until" filter is not supported with "--volumes"'])
    assert.match(
      daemon.berth('container', 'prune', '-f', '--filter', 'until=1h').stdout,
      /^Total reclaimed space: 0B\n$/,
    )
    let stop = false
    const pruning = (async () => {
      while (!stop) await volumes.prune({ all: ['true'] })
    })()
    try {
      for (let i = 0; i < 8; i++) {
        const { Id } = await containers.create({
          Image: 'busybox',
          Cmd: ['test', '-d', '/v'],
          HostConfig: { NetworkMode: 'none', Binds: [`fresh${i}:/v`] },
        } as never)
        await containers.start(Id)
        assert.equal((await (await containers.wait(Id)).exit).StatusCode, 0)
        assert.ok(await volumes.inspect(`fresh${i}`))
        await containers.remove(Id)
      }
    } finally {
      stop = true
      await pruning
    }
  })

  test('after everything is removed the data root is as good as empty', async () => {
    for (const one of await containers.list({ all: true }))
      await containers.remove(one.Id, { force: true, volumes: true })
    daemon.berth('system', 'prune', '-af', '--volumes')
    await volumes.prune({ all: ['true'] })
    await until('it is empty', () => (du(daemon.dataRoot) < 4 << 20 ? true : undefined))
    assert.ok(du(daemon.execRoot) < 1 << 20)
    const usage = await system.diskUsage()
    assert.deepEqual([usage.LayersSize, usage.Berth!.PartialPulls], [0, 0])
  })
})
