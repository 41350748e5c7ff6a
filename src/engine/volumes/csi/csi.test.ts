import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { systemClock } from '#lib/clock.ts'
import { silentLogger } from '#lib/log.ts'
import { CsiModel, type CsiModelOptions } from '#ports/testing/csi-model.ts'
import { FakeCsi } from '#ports/testing/fake-csi.ts'
import { FakeFiles } from '#ports/testing/fake-files.ts'
import { FakeMounts } from '#ports/testing/fake-mounts.ts'
import { FakeStore } from '#ports/testing/fake-store.ts'
import { Volumes } from '../volumes.ts'

const UP = ['ControllerPublishVolume', 'NodeStageVolume', 'NodePublishVolume']
const DOWN = ['NodeUnpublishVolume', 'NodeUnstageVolume', 'ControllerUnpublishVolume']

/** Waiting takes no time, and what is put off for a minute or more never comes. */
function hastyClock() {
  const clock = systemClock()
  let skipped = 0
  return {
    ...clock,
    now: () => clock.now() + skipped,
    sleep: (ms: number, signal?: AbortSignal) => {
      if (signal || ms >= 60_000) return new Promise<void>(() => {})
      skipped += ms
      return Promise.resolve()
    },
  }
}

function setUp(options: CsiModelOptions = {}) {
  const [store, files, mounts, csi] = [new FakeStore(), new FakeFiles(), new FakeMounts(), new FakeCsi()]
  const model = new CsiModel({
    ...options,
    effects: {
      make() {},
      remove() {},
      mount(id, _from, target) {
        void files.makeDirectory(target)
        void mounts.bind(id, target)
      },
      unmount: target => void mounts.unmount(target),
    },
  })
  csi.drivers.set('shelf', model)
  let serial = 0
  const open = (bootId = 'first') =>
    new Volumes({
      store,
      files,
      mounts,
      csi,
      bootId,
      clock: hastyClock(),
      log: silentLogger,
      dataRoot: '/lib',
      publish: () => {},
      randomHex: digits => (++serial).toString(16).padStart(digits, '0'),
    })
  const t = {
    store,
    files,
    mounts,
    csi,
    model,
    volumes: open(),
    /** Calls that change something. */
    steps: () => csi.calls.map(call => call.method.split('.')[1]!).filter(name => name.endsWith('Volume')),
    last: (method: string) => csi.calls.findLast(call => call.method.endsWith(`.${method}`))!.request as never,
    create: (name: string, opts: Record<string, string> = {}) =>
      t.volumes.create({ name, driver: 'shelf', options: opts, labels: {} }),
    /** The daemon is killed and started again. */
    async restart(live: [string, string[]][] = [], bootId?: string) {
      t.volumes = open(bootId)
      await t.volumes.recover(new Map(live))
      await settled()
    },
  }
  return t
}

/** What nobody waits for is over: everything here takes turns only. */
async function settled(): Promise<void> {
  for (let i = 0; i < 50; i++) await turn()
}

const volumesOf = (model: CsiModel) => Object.values(model.volumes)
const idle = (model: CsiModel) =>
  volumesOf(model).every(one => one.nodes.length + one.published.length === 0 && one.staged === '')

describe('csi: the way of a volume', () => {
  it('goes up for the first user and down after the last, each step once', async () => {
    const t = setUp()
    const made = await t.create('disk', { size: '5m', fstype: 'ext4', o: 'noatime,ro', access: 'rox', tier: 'fast' })
    assert.equal(made.driver, 'csi:shelf')
    assert.deepEqual(t.last('CreateVolume'), {
      name: volumesOf(t.model)[0]!.name,
      capacity_range: { required_bytes: 5 << 20 },
      volume_capabilities: [
        {
          mount: { fs_type: 'ext4', mount_flags: ['noatime', 'ro'] },
          access_mode: { mode: 'MULTI_NODE_READER_ONLY' },
        },
      ],
      parameters: { tier: 'fast' },
      secrets: {},
      accessibility_requirements: {
        requisite: [{ segments: { 'shelf.test/zone': 'z1' } }],
        preferred: [{ segments: { 'shelf.test/zone': 'z1' } }],
      },
    })
    assert.equal(await t.volumes.mount('disk', 'a'), '/lib/volumes/disk/_data')
    await t.volumes.mount('disk', 'b')
    assert.deepEqual(t.steps(), ['CreateVolume', ...UP])
    const publish = t.last('NodePublishVolume') as Record<string, unknown>
    assert.deepEqual(publish['volume_context'], { made: 'by shelf' })
    assert.deepEqual(publish['publish_context'], { device: `/dev/${volumesOf(t.model)[0]!.id}` })
    assert.equal(publish['readonly'], true)
    await t.volumes.unmount('disk', 'a')
    assert.ok(!idle(t.model))
    await t.volumes.unmount('disk', 'b')
    assert.deepEqual(t.steps(), ['CreateVolume', ...UP, ...DOWN])
    await t.volumes.remove('disk', { force: false })
    assert.deepEqual([volumesOf(t.model), t.mounts.mounted], [[], []])
  })

  it('is empty when it is new, for whoever would fill it', async () => {
    const t = setUp()
    await t.create('disk')
    await t.files.makeDirectory('/lib/volumes/disk/_data/lost+found')
    const path = await t.volumes.mount('disk', 'a')
    assert.deepEqual(await t.files.list(path), [])
    await t.files.makeDirectory(`${path}/lost+found`)
    await t.volumes.mount('disk', 'b')
    assert.deepEqual(await t.files.list(path), ['lost+found'], 'only once')
  })

  it('has only the steps that the driver has', async () => {
    const t = setUp({ controller: ['CREATE_DELETE_VOLUME'], node: [], plugin: ['CONTROLLER_SERVICE'] })
    await t.create('share')
    await t.volumes.mount('share', 'a')
    await t.volumes.unmount('share', 'a')
    assert.deepEqual(t.steps(), ['CreateVolume', 'NodePublishVolume', 'NodeUnpublishVolume'])
    assert.equal((t.last('CreateVolume') as Record<string, unknown>)['accessibility_requirements'], undefined)
  })

  it('begins again after a restart of the host, and publishes again what somebody unmounted', async () => {
    const t = setUp()
    await t.create('disk')
    const path = await t.volumes.mount('disk', 'a')
    await t.mounts.unmount(path)
    volumesOf(t.model)[0]!.published = []
    await t.volumes.mount('disk', 'b')
    assert.deepEqual(t.steps().slice(-1), ['NodePublishVolume'])
    assert.ok(t.mounts.isMounted(path))
    t.mounts.mounted.length = 0
    Object.assign(volumesOf(t.model)[0]!, { staged: '', published: [] })
    await t.restart([], 'second')
    const before = t.steps().length
    assert.ok(idle(t.model))
    await t.volumes.mount('disk', 'a')
    assert.deepEqual(t.steps().slice(before), UP)
  })
})

describe('csi: what goes wrong', () => {
  it('asks a busy driver again, and waits a little for one that is gone', async () => {
    const t = setUp()
    for (const code of ['ABORTED', 'ABORTED', 'UNAVAILABLE'])
      t.csi.faults.push({ method: 'CreateVolume', code, when: 'before' })
    await t.create('disk')
    assert.equal(t.steps().length, 4)
    t.csi.faults.push(
      ...Array.from({ length: 50 }, () => ({
        method: 'NodeStageVolume',
        code: 'UNAVAILABLE',
        when: 'before' as const,
      })),
    )
    await assert.rejects(t.volumes.mount('disk', 'a'), {
      kind: 'unavailable',
      message: /NodeStageVolume: as told \(UNAVAILABLE\)/,
    })
  })

  it('says what the driver says and what it means; nothing is left', async () => {
    const t = setUp({ secret: 'x' })
    const cases: [Record<string, string>, RegExp][] = [
      [{}, /CreateVolume: the password is wrong \(UNAUTHENTICATED\): its secrets are missing or wrong \(secret-file\)/],
      [{ 'secret-file': 'here' }, /secret-file=here is no absolute path/],
      [{ 'secret-file': '/none' }, /secret-file \/none cannot be read/],
      [{ access: 'mine' }, /access=mine is none of/],
      [{ 'volume-id': 'a', 'snapshot-id': 'b' }, /snapshot-id is for new volumes/],
    ]
    for (const [options, text] of cases) await assert.rejects(t.create('disk', options), text)
    await t.files.writeAtomic('/secret', '{"password":"x"}')
    const opts = { 'secret-file': '/secret' }
    await assert.rejects(t.create('disk', { ...opts, fail: 'no', code: 'INVALID_ARGUMENT' }), { kind: 'invalid' })
    assert.equal(t.store.repository('csi-volumes').count(), 0)
    await t.create('disk', opts)
    await assert.rejects(t.volumes.create({ name: 'x1', driver: 'csi:none', options: {}, labels: {} }), {
      kind: 'not-found',
      message: /create x1: error looking up volume plugin csi:none: csi driver "none" not found/,
    })
    await assert.rejects(t.create('other', { ...opts, 'volume-id': 'vol-none' }), /no volume vol-none/)
    t.csi.drivers.clear()
    await t.volumes.remove('disk', { force: true })
    assert.deepEqual(t.volumes.list(new Map()), [])
  })

  it('knows a volume by the same key when no answer came, and takes it back when another is wanted', async () => {
    const t = setUp()
    t.csi.faults.push({ method: 'CreateVolume', code: 'DEADLINE_EXCEEDED', when: 'after' })
    await assert.rejects(t.create('disk'), /it may have been made: create disk again to have it/)
    await t.create('disk')
    assert.equal(volumesOf(t.model).length, 1)
    t.csi.faults.push({ method: 'CreateVolume', code: 'DEADLINE_EXCEEDED', when: 'after' })
    await assert.rejects(t.create('two'))
    await t.create('two', { tier: 'other' })
    assert.deepEqual(
      volumesOf(t.model).map(volume => volume.parameters),
      [{}, { tier: 'other' }],
    )
  })

  it('keeps a volume that the driver refuses to delete', async () => {
    const t = setUp()
    await t.create('disk')
    t.csi.faults.push({ method: 'DeleteVolume', code: 'FAILED_PRECONDITION', when: 'before' })
    await assert.rejects(t.volumes.remove('disk', { force: false }), /FAILED_PRECONDITION/)
    await t.volumes.mount('disk', 'a')
    await t.volumes.unmount('disk', 'a')
    await t.volumes.remove('disk', { force: false })
    assert.deepEqual(volumesOf(t.model), [])
  })
})

describe('csi: killed at each call, before and after it', () => {
  for (const when of ['before', 'after'] as const) {
    for (const method of ['CreateVolume', ...UP, ...DOWN, 'DeleteVolume']) {
      it(`${when} ${method}`, async () => {
        const t = setUp()
        let killed = false
        const kill = (work: Promise<unknown>) => Promise.race([work, settled()])
        const at = (name: string) => {
          if (name !== method) return
          killed = true
          t.csi.faults.push({ method, code: 'HANG', when })
        }
        at('CreateVolume')
        await kill(t.create('disk'))
        if (!killed) {
          UP.forEach(at)
          await kill(t.volumes.mount('disk', 'a'))
        }
        if (!killed) {
          DOWN.forEach(at)
          await kill(t.volumes.unmount('disk', 'a'))
        }
        if (!killed) {
          at('DeleteVolume')
          await kill(t.volumes.remove('disk', { force: false }))
        }
        await t.restart()
        assert.ok(idle(t.model), 'nothing is mounted or attached')
        const there = t.volumes.list(new Map()).length
        assert.equal(there, method === 'CreateVolume' || method === 'DeleteVolume' ? 0 : 1)
        assert.equal(volumesOf(t.model).length, there)
        await t.create('disk')
        await t.volumes.mount('disk', 'a')
        await t.volumes.unmount('disk', 'a')
        await t.volumes.remove('disk', { force: false })
        assert.deepEqual([volumesOf(t.model), t.mounts.mounted], [[], []])
        assert.equal(t.store.repository('csi-volumes').count(), 0)
      })
    }
  }

  it('what a live container has stays, and nobody is asked', async () => {
    const t = setUp()
    await t.create('disk')
    await t.volumes.mount('disk', 'a')
    const before = t.csi.calls.length
    await t.restart([['disk', ['a']]])
    assert.equal(t.csi.calls.length, before)
    await t.volumes.unmount('disk', 'a')
    assert.ok(idle(t.model))
  })
})

describe('csi: names and the trash', () => {
  it('is renamed, and its name is free for another', async () => {
    const t = setUp()
    await t.create('disk')
    const [first] = volumesOf(t.model)
    await t.volumes.rename('disk', 'old')
    await t.create('disk')
    assert.equal(await t.volumes.mount('old', 'a'), '/lib/volumes/old/_data')
    await t.volumes.mount('disk', 'b')
    assert.deepEqual(first!.published, ['/lib/volumes/old/_data'])
    await t.restart()
    assert.ok(idle(t.model))
    await t.volumes.remove('old', { force: false })
    assert.equal(volumesOf(t.model).length, 1)
    assert.ok(!volumesOf(t.model).includes(first!))
  })

  it('comes back from the trash; the driver deletes it when it is emptied, and not before', async () => {
    const t = setUp()
    await t.create('disk')
    await t.create('other')
    for (const name of ['disk', 'other']) await t.volumes.remove(name, { force: false, keep: 3_600_000 })
    await t.create('disk')
    await t.restart()
    assert.equal(volumesOf(t.model).length, 3, 'those in the trash are somebody’s')
    const back = await t.volumes.restoreDeleted('disk', 'again')
    await t.volumes.mount(back.name, 'a')
    await t.volumes.unmount(back.name, 'a')
    t.csi.faults.push({ method: 'DeleteVolume', code: 'INTERNAL', when: 'before' })
    assert.deepEqual((await t.volumes.emptyTrash()).deleted, [])
    assert.equal(t.volumes.deleted().length, 1, 'kept until the driver has deleted it')
    assert.equal((await t.volumes.emptyTrash()).deleted.length, 1)
    assert.equal(volumesOf(t.model).length, 2)
  })
})

describe('csi: size, copies, usage', () => {
  it('grows by controller and node, at once or when it is next published', async () => {
    const t = setUp()
    await t.create('disk', { size: '1m' })
    const grow = async (size: number) => t.volumes.update('disk', { labels: {}, size })
    await grow(2 << 20)
    assert.equal(t.csi.calls.filter(call => call.method.endsWith('NodeExpandVolume')).length, 0)
    await t.volumes.mount('disk', 'a')
    assert.deepEqual((t.last('NodeExpandVolume') as Record<string, unknown>)['capacity_range'], {
      required_bytes: 2 << 20,
    })
    await grow(3 << 20)
    assert.equal(t.csi.calls.filter(call => call.method.endsWith('NodeExpandVolume')).length, 2)
    assert.equal(await t.volumes.usage('disk'), 4096)
    await assert.rejects(grow(1 << 20), /only|larger|smaller|already/)
    await assert.rejects(grow(2 ** 31), { kind: 'invalid', message: /a shelf has 1 GiB \(OUT_OF_RANGE\)/ })
    const { status } = await t.volumes.view('disk')
    assert.equal(status!['CapacityBytes'], 3 << 20)
    assert.equal(status!['State'], 'published')
  })

  it('is copied by the driver, from the volume or from a snapshot of it', async () => {
    for (const can of ['CLONE_VOLUME', 'CREATE_DELETE_SNAPSHOT']) {
      const t = setUp({ controller: ['CREATE_DELETE_VOLUME', can] })
      await t.create('disk')
      const [source] = volumesOf(t.model)
      const { method } = await t.volumes.clone('disk', { name: 'copy', labels: {} })
      assert.equal(method, 'snapshot')
      assert.deepEqual(
        volumesOf(t.model).map(volume => volume.source),
        ['', source!.id],
      )
      assert.deepEqual(t.model.snapshots, {})
      await t.volumes.remove('copy', { force: false })
      assert.deepEqual(volumesOf(t.model), [source])
    }
  })
})
