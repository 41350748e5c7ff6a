import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { systemClock } from '#lib/clock.ts'
import { system } from '#lib/errors.ts'
import { silentLogger } from '#lib/log.ts'
import { FakeCsi } from '#ports/testing/fake-csi.ts'
import { CsiModel } from '#ports/testing/csi-model.ts'
import { FakeFiles } from '#ports/testing/fake-files.ts'
import { FakeMounts } from '#ports/testing/fake-mounts.ts'
import { FakePlugins } from '#ports/testing/fake-plugins.ts'
import { FakeStore } from '#ports/testing/fake-store.ts'
import { Volumes } from '../volumes.ts'

type Json = Record<string, unknown>

/** A plugin `shelf` that keeps volumes; `told` are answers instead of its own, `'HANG'` and errors among them. */
async function setUp() {
  const [store, files, mounts, plugins, csi] = [
    new FakeStore(),
    new FakeFiles(),
    new FakeMounts(),
    new FakePlugins(),
    new FakeCsi(),
  ]
  const has = new Map<string, { options: unknown; users: string[] }>()
  const told = new Map<string, Json | Error>()
  await files.makeDirectory('/srv/v')
  const refusal = (reason: string) => system(`plugin "shelf" refuses: ${reason}`, { details: { status: 500, reason } })
  const find = (name: unknown) => {
    const volume = has.get(String(name))
    if (!volume) throw refusal('no such volume')
    return volume
  }
  plugins.handlers.set('shelf', (method, given) => {
    const body = given as Json
    const answer = told.get(method.split('.')[1]!)
    if (answer instanceof Error) throw answer
    if (answer) return answer
    switch (method) {
      case 'Plugin.Activate':
        return { Implements: ['VolumeDriver'] }
      case 'VolumeDriver.Create':
        has.set(String(body['Name']), { options: body['Opts'], users: [] })
        return {}
      case 'VolumeDriver.Remove':
        find(body['Name'])
        has.delete(String(body['Name']))
        return {}
      case 'VolumeDriver.Mount':
        find(body['Name']).users.push(String(body['ID']))
        return { Mountpoint: '/srv/v' }
      case 'VolumeDriver.Unmount': {
        const volume = find(body['Name'])
        if (!volume.users.includes(String(body['ID']))) throw refusal('not mounted by you')
        volume.users = volume.users.filter(user => user !== body['ID'])
        return {}
      }
      case 'VolumeDriver.Get':
        find(body['Name'])
        return { Volume: { Name: body['Name'], Status: { shelf: 3 } } }
      case 'VolumeDriver.List':
        return { Volumes: [...has.keys()].map(Name => ({ Name })) }
      default:
        throw refusal('no such method')
    }
  })
  let serial = 0
  const open = (bootId = 'first') =>
    new Volumes({
      store,
      files,
      mounts,
      plugins,
      csi,
      bootId,
      clock: systemClock(),
      log: silentLogger,
      dataRoot: '/lib',
      publish: () => {},
      randomHex: digits => (++serial).toString(16).padStart(digits, '0'),
    })
  const t = {
    plugins,
    csi,
    mounts,
    files,
    has,
    told,
    volumes: open(),
    count: (method: string) => plugins.calls.filter(call => call.method === `VolumeDriver.${method}`).length,
    create: (name: string, driver = 'shelf', options: Record<string, string> = {}) =>
      t.volumes.create({ name, driver, options, labels: {} }),
    async restart(live: [string, string[]][] = [], bootId?: string) {
      t.volumes = open(bootId)
      await t.volumes.recover(new Map(live))
      for (let i = 0; i < 20; i++) await turn()
    },
  }
  return t
}

const users = (t: Awaited<ReturnType<typeof setUp>>, name: string) => t.has.get(name)!.users.length

describe('plugin volumes', () => {
  it('`shelf:latest` is `shelf`; making sure that a volume exists needs no plugin', async () => {
    const t = await setUp()
    assert.equal((await t.create('books', 'shelf:latest', { a: 'b' })).driver, 'shelf')
    assert.deepEqual(t.has.get('books')!.options, { a: 'b' })
    t.plugins.handlers.clear()
    assert.equal((await t.create('books', 'shelf', { a: 'b' })).name, 'books')
    await assert.rejects(t.create('books', 'local'), { kind: 'conflict' })
    await assert.rejects(t.create('more'), {
      kind: 'not-found',
      message: 'create more: error looking up volume plugin shelf: plugin "shelf" not found',
    })
  })

  it('mounts once, also over restarts of the daemon, and anew after one of the host', async () => {
    const t = await setUp()
    await t.create('books')
    await t.volumes.mount('books', 'a')
    await t.restart([['books', ['a']]])
    await t.volumes.mount('books', 'b')
    assert.deepEqual([t.count('Mount'), users(t, 'books')], [1, 1])
    await t.restart([], 'second')
    assert.equal(t.count('Unmount'), 0, 'a host that started anew has nothing mounted')
    t.has.get('books')!.users = []
    await t.volumes.mount('books', 'a')
    assert.equal(users(t, 'books'), 1)
    await t.restart([], 'second')
    assert.deepEqual([users(t, 'books'), t.count('Unmount')], [0, 1])
  })

  it('mounts anew when the plugin has lost what it mounted', async () => {
    const t = await setUp()
    await t.create('books')
    await t.mounts.bind('/data', '/srv/v')
    await t.volumes.mount('books', 'a')
    await t.mounts.unmount('/srv/v')
    t.has.get('books')!.users = []
    await t.volumes.mount('books', 'b')
    assert.deepEqual([t.count('Mount'), users(t, 'books')], [2, 1])
  })

  it('an unmount that fails is made up for; removal by force forgets', async () => {
    const t = await setUp()
    await t.create('books')
    await t.volumes.mount('books', 'a')
    t.told.set('Unmount', new Error('no answer'))
    await assert.rejects(t.volumes.unmount('books', 'a'), /unmount books: no answer/)
    t.told.clear()
    await t.volumes.mount('books', 'a')
    assert.equal(users(t, 'books'), 1)
    await t.volumes.unmount('books', 'a')
    assert.equal(users(t, 'books'), 0)
    t.told.set('Remove', new Error('no answer'))
    await assert.rejects(t.volumes.remove('books', { force: false }), /remove books: no answer/)
    await t.volumes.remove('books', { force: true })
    assert.throws(() => t.volumes.get('books'))
    assert.equal(t.has.has('books'), true)
  })

  it('shows what plugins have besides, filtered; a list that fails is the last one, with a warning', async () => {
    const t = await setUp()
    await t.create('ours')
    await t.create('here', 'local')
    t.has.set('theirs', { options: {}, users: [] })
    const names = async (...filters: [string, string[]][]) => {
      const { volumes, warnings } = await t.volumes.listViews(new Map(filters))
      return [volumes.map(({ volume }) => volume.name), warnings.length]
    }
    assert.deepEqual(await names(), [['ours', 'here', 'theirs'], 0])
    assert.deepEqual(await names(['driver', ['shelf']]), [['ours', 'theirs'], 0])
    assert.deepEqual(await names(['label', ['a']]), [[], 0])
    assert.deepEqual((await t.volumes.view('theirs')).status, { shelf: 3 })
    t.told.set('List', { Volumes: 7 })
    assert.deepEqual(await names(), [['ours', 'here', 'theirs'], 1])
    await t.volumes.remove('ours', { force: false })
    assert.deepEqual(await names(), [['here', 'theirs'], 1])
    await t.volumes.remove('theirs', { force: false }).catch(() => {})
    await assert.rejects(t.volumes.view('nothing'), { kind: 'not-found', message: 'get nothing: no such volume' })
  })

  for (const when of ['before', 'after'] as const) {
    for (const method of ['Create', 'Mount', 'Unmount', 'Remove']) {
      it(`is put right when the daemon is killed ${when} ${method}`, async () => {
        const t = await setUp()
        const call = t.plugins.call.bind(t.plugins)
        let dead = false
        t.plugins.call = async (name, asked, body) => {
          if (asked !== `VolumeDriver.${method}` || dead) return call(name, asked, body)
          dead = true
          if (when === 'after') await call(name, asked, body)
          return new Promise(() => {})
        }
        const life = async () => {
          await t.create('books')
          await t.volumes.mount('books', 'a')
          await t.volumes.unmount('books', 'a')
          await t.volumes.remove('books', { force: false })
        }
        void life()
        while (!dead) await turn()
        for (let i = 0; i < 20; i++) await turn()
        await t.restart()
        assert.deepEqual(t.has.get('books')?.users ?? [], [])
        // Whoever asked for the removal heard nothing, and asks again.
        if (method === 'Remove') await t.volumes.remove('books', { force: false })
        await life()
        assert.equal(t.has.size, 0)
      })
    }
  }

  it('a name that is a plugin’s and a CSI driver’s is said to be', async () => {
    const t = await setUp()
    t.csi.drivers.set('shelf', new CsiModel())
    await assert.rejects(t.create('which'), {
      kind: 'conflict',
      message: /both a volume plugin and a CSI driver: say csi:shelf/,
    })
    assert.equal((await t.create('which', 'csi:shelf')).driver, 'csi:shelf')
    assert.equal((await t.create('which', 'csi:shelf')).driver, 'csi:shelf')
  })

  it('a plugin that is no volume driver is none', async () => {
    const t = await setUp()
    t.told.set('Activate', { Implements: ['NetworkDriver'] })
    await assert.rejects(t.create('books'), {
      kind: 'not-found',
      message: /"shelf" is no volume driver: it implements NetworkDriver/,
    })
    assert.deepEqual((await t.volumes.listViews(new Map())).warnings, [])
  })
})
