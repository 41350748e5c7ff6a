import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { systemClock } from '#lib/clock.ts'
import { isKind, system } from '#lib/errors.ts'
import { silentLogger } from '#lib/log.ts'
import type { VolumeRecord } from '#model/volume.ts'
import { FakeFiles } from '#ports/testing/fake-files.ts'
import { FakeMounts } from '#ports/testing/fake-mounts.ts'
import { FakeStore } from '#ports/testing/fake-store.ts'
import type { CreateVolume } from './service.ts'
import { Volumes } from './volumes.ts'

const ROOT = '/lib/volumes'

function setUp(parts: { store?: FakeStore; files?: FakeFiles; mounts?: FakeMounts } = {}) {
  const { store = new FakeStore(), files = new FakeFiles(), mounts = new FakeMounts() } = parts
  const events: string[] = []
  let serial = 0
  const volumes = new Volumes({
    store,
    files,
    mounts,
    clock: systemClock(),
    log: silentLogger,
    dataRoot: '/lib',
    publish: event => events.push(`${event.Action} ${event.Actor.ID.slice(0, 8)}`.trim()),
    randomHex: digits => (++serial).toString(16).padStart(digits, '0'),
    lookup: async host => (host === 'nas' ? '10.0.0.5' : '10.9.9.9'),
    mountDeadline: 50,
  })
  const create = (name: string, over: Partial<CreateVolume> = {}) =>
    volumes.create({ name, driver: 'local', options: {}, labels: {}, ...over })
  return { volumes, store, files, mounts, events, create }
}

const nfs = { type: 'nfs', device: ':/export', o: 'addr=nas,rw,nfsvers=4' }
const kind = (wanted: Parameters<typeof isKind>[1], words: RegExp) => (error: unknown) =>
  isKind(error, wanted) && words.test((error as Error).message)

describe('volumes: create', () => {
  it('makes a directory and a record, and gives the same volume again', async () => {
    const t = setUp()
    const made = await t.create('data', { labels: { a: 'b' } })
    assert.equal(made.mountpoint, `${ROOT}/data/_data`)
    assert.equal((await t.files.stat(made.mountpoint))!.kind, 'directory')
    assert.deepEqual(await t.create('data'), made)
    assert.deepEqual(await t.create('data', { driver: '' }), made)
    assert.deepEqual(t.events, ['create data'])
  })

  it('names anonymous volumes with 64 digits', async () => {
    const t = setUp()
    const made = await t.create('')
    assert.match(made.name, /^[0-9a-f]{64}$/)
    assert.equal(made.anonymous, true)
    assert.deepEqual(made.labels, { 'com.docker.volume.anonymous': '' })
    assert.equal((await t.create('named')).anonymous, false)
  })

  it('refuses other options and drivers for a name that is taken, listing the differences', async () => {
    const t = setUp()
    await t.create('data', { options: nfs })
    assert.equal((await t.create('data')).options.type, 'nfs')
    assert.equal((await t.create('data', { options: { ...nfs } })).name, 'data')
    await assert.rejects(
      t.create('data', { options: { type: 'tmpfs', device: 'tmpfs' } }),
      kind('conflict', /device is ":\/export", asked for "tmpfs"; o is .* asked for not set; type is "nfs"/),
    )
    t.store.repository<VolumeRecord>('volumes').put('other', { ...t.volumes.get('data'), name: 'other', driver: 'x' })
    await assert.rejects(t.create('other'), kind('conflict', /already exists with the x driver/))
  })

  it('shows no password where options differ', async () => {
    const t = setUp()
    const share = { type: 'cifs', device: '//nas/s', o: 'username=u,password=old,,er,vers=3.0' }
    await t.create('data', { options: share })
    const options = { ...share, o: 'username=u,password=new,vers=3.1' }
    await assert.rejects(t.create('data', { options }), (error: Error) => {
      assert.match(error.message, /o is "username=u,password=…,vers=3\.0", asked for "username=u,password=…,vers=3\.1"/)
      return true
    })
  })

  it('refuses bad names, options and drivers, and leaves nothing', async () => {
    const t = setUp()
    for (const name of ['../x', 'a/b', '-a', '.a', 'a b', 'a:b', '/abs', 'ä1'])
      await assert.rejects(t.create(name), kind('invalid', /includes invalid characters for a local volume name/), name)
    await assert.rejects(t.create('a'), kind('invalid', /too short/))
    await assert.rejects(t.create('x'.repeat(256)), kind('invalid', /at most 255/))
    assert.equal((await t.create('x'.repeat(255))).name.length, 255)
    const bad: [Record<string, string>, RegExp][] = [
      [{ foo: 'bar' }, /invalid option: "foo"/],
      [{ type: 'nfs' }, /missing required option: "device"/],
      [{ device: '/x' }, /missing required option: "type"/],
      [{ o: 'ro' }, /missing required option: "type"/],
      [{ uid: 'root' }, /uid=root is no numeric id/],
      [{ mode: '999' }, /no mode such as 0755/],
    ]
    for (const [options, words] of bad) await assert.rejects(t.create('bad', { options }), kind('invalid', words))
    await assert.rejects(t.create('bad', { driver: 'rexray' }), kind('not-found', /plugin "rexray" not found/))
    assert.throws(() => t.volumes.get('bad'), kind('not-found', /^get bad: no such volume$/))
    assert.equal((await t.files.list(ROOT)).length, 1)
  })

  it('takes owner and mode from options', async () => {
    const t = setUp()
    const made = await t.create('data', { options: { uid: '999', gid: '998', mode: '2770' } })
    const stat = (await t.files.stat(made.mountpoint))!
    assert.deepEqual([stat.uid, stat.gid, stat.mode], [999, 998, 0o2770])
  })

  it('leaves no directory when the record cannot be written', async () => {
    const t = setUp()
    t.store.failNextWrite(system('store: no space left on device'))
    await assert.rejects(t.create('data'), /no space left/)
    assert.deepEqual(await t.files.list(ROOT), [])
    await t.create('data')
  })
})

describe('volumes: mount', () => {
  it('mounts a device for the first user and unmounts it after the last', async () => {
    const t = setUp()
    await t.create('data', { options: nfs })
    assert.equal(await t.volumes.mount('data', 'c1'), `${ROOT}/data/_data`)
    await t.volumes.mount('data', 'c2')
    await t.volumes.mount('data', 'c2')
    assert.deepEqual(t.mounts.mounted, [
      { target: `${ROOT}/data/_data`, type: 'nfs', source: ':/export', options: ['rw', 'nfsvers=4', 'addr=10.0.0.5'] },
    ])
    await t.volumes.unmount('data', 'c1')
    assert.equal(t.mounts.mounted.length, 1)
    await t.volumes.unmount('data', 'c2')
    await t.volumes.unmount('data', 'c2')
    await t.volumes.unmount('absent', 'c2')
    assert.equal(t.mounts.mounted.length, 0)
    await assert.rejects(t.volumes.mount('absent', 'c'), kind('not-found', /get absent: no such volume/))
  })

  it('finds the server in the device when there is no addr, and leaves addresses alone', async () => {
    const t = setUp()
    const cases: [Record<string, string>, string[]][] = [
      [{ type: 'nfs', device: 'nas:/export' }, ['vers=4.2', 'addr=10.0.0.5']],
      [
        { type: 'cifs', device: '//nas/share', o: 'username=u' },
        ['username=u', 'ip=10.0.0.5', String.raw`unc=\\nas\share`],
      ],
      [{ type: 'nfs4', device: ':/x', o: 'addr=192.168.1.10,rw' }, ['rw', 'vers=4.2', 'addr=192.168.1.10']],
      [{ type: 'tmpfs', device: 'tmpfs', o: 'size=10m' }, ['size=10m']],
    ]
    for (const [i, [options, expected]] of cases.entries()) {
      await t.create(`v${i}`, { options })
      await t.volumes.mount(`v${i}`, 'c')
      assert.deepEqual(t.mounts.mounted.at(-1)!.options, expected)
    }
  })

  it('says why a mount failed, and counts no user', async () => {
    const t = setUp()
    await t.create('data', { options: nfs })
    t.mounts.refuse(`${ROOT}/data/_data`, 'EACCES')
    await assert.rejects(t.volumes.mount('data', 'c'), kind('system', /error while mounting volume .*EACCES/))
    await t.volumes.remove('data', { force: false })
  })

  it('gives up on a server that does not answer, and takes a late mount down', async () => {
    const t = setUp()
    await t.create('data', { options: nfs })
    let answer = () => {}
    const mountNow = t.mounts.filesystem.bind(t.mounts)
    t.mounts.filesystem = async (...args) => {
      await new Promise<void>(resolve => (answer = resolve))
      await mountNow(...args)
    }
    await assert.rejects(t.volumes.mount('data', 'c'), /:\/export did not answer within/)
    answer()
    await new Promise(resolve => setTimeout(resolve, 5))
    assert.deepEqual(t.mounts.mounted, [])
  })
})

describe('volumes: copy-up', () => {
  const image = async (t: ReturnType<typeof setUp>) => {
    await t.files.makeDirectory('/image/var', { mode: 0o700, uid: 70, gid: 71 })
    await t.files.writeAtomic('/image/var/f', 'from the image')
    await t.files.makeDirectory('/image/empty', { mode: 0o1777, uid: 5, gid: 6 })
  }

  it('fills an empty volume once, with owner and mode', async () => {
    const t = setUp()
    await image(t)
    const { mountpoint } = await t.create('data')
    await t.volumes.copyUp('data', '/image/var')
    assert.equal(await t.files.read(`${mountpoint}/f`), 'from the image')
    const stat = (await t.files.stat(mountpoint))!
    assert.deepEqual([stat.mode, stat.uid, stat.gid], [0o700, 70, 71])
    await t.files.writeAtomic(`${mountpoint}/f`, 'mine')
    await t.volumes.copyUp('data', '/image/var')
    assert.equal(await t.files.read(`${mountpoint}/f`), 'mine')
    assert.deepEqual(await t.files.list(`${ROOT}/data`), ['_data'])
  })

  it('takes owner and mode of an empty source too', async () => {
    const t = setUp()
    await image(t)
    const { mountpoint } = await t.create('data')
    await t.volumes.copyUp('data', '/image/empty')
    const stat = (await t.files.stat(mountpoint))!
    assert.deepEqual([stat.mode, stat.uid, stat.gid], [0o1777, 5, 6])
  })

  it('fills in place what another container has open, and mounts what must be mounted for it', async () => {
    const t = setUp()
    await image(t)
    const { mountpoint } = await t.create('data')
    await t.volumes.mount('data', 'c')
    const rename = t.files.rename.bind(t.files)
    t.files.rename = () => assert.fail('the directory was replaced')
    await t.volumes.copyUp('data', '/image/var')
    assert.equal(await t.files.read(`${mountpoint}/f`), 'from the image')
    t.files.rename = rename
    await t.create('share', { options: nfs })
    await t.volumes.copyUp('share', '/image/var')
    assert.equal(await t.files.read(`${ROOT}/share/_data/f`), 'from the image')
    assert.deepEqual(t.mounts.mounted, [])
  })
})

describe('volumes: remove and prune', () => {
  it('removes the record and the data, unless somebody refers to it', async () => {
    const t = setUp()
    await t.create('data')
    t.volumes.setUsers(name => (name === 'data' ? ['abc'] : []))
    for (const force of [false, true])
      await assert.rejects(
        t.volumes.remove('data', { force }),
        kind('conflict', /^remove data: volume is in use - \[abc\]$/),
      )
    await t.volumes.remove('data', { force: false, except: 'abc' })
    assert.deepEqual(await t.files.list(ROOT), [])
    await assert.rejects(t.volumes.remove('data', { force: false }), kind('not-found', /get data: no such volume/))
    await t.volumes.remove('data', { force: true })
    assert.deepEqual(t.events, ['create data', 'destroy data'])
  })

  it('prunes anonymous volumes nobody uses, named ones on request, never held ones', async () => {
    const t = setUp()
    await t.create('named', { labels: { keep: 'yes' } })
    await t.create('other')
    const free = await t.create('')
    const used = await t.create('')
    const held = await t.create('')
    t.volumes.setUsers(name => (name === used.name ? ['c'] : []))
    t.volumes.hold(held.name, 'new-container')
    const first = await t.volumes.prune(new Map())
    assert.deepEqual(first.deleted, [free.name])
    assert.equal(first.spaceReclaimed, 4096)
    t.volumes.release(held.name, 'new-container')
    const filters = new Map([
      ['all', ['true']],
      ['label!', ['keep']],
    ])
    assert.deepEqual((await t.volumes.prune(filters)).deleted, ['other', held.name])
    assert.deepEqual(
      t.volumes.list(new Map()).map(volume => volume.name),
      ['named', used.name],
    )
    await assert.rejects(t.volumes.prune(new Map([['until', ['1h']]])), kind('invalid', /invalid filter 'until'/))
  })

  it('spares a volume that comes into use while others are pruned', async () => {
    const t = setUp()
    const [first, second] = [await t.create(''), await t.create('')]
    const inUse = new Set<string>()
    t.volumes.setUsers(name => (inUse.has(name) ? ['c'] : []))
    const remove = t.files.remove.bind(t.files)
    t.files.remove = async path => {
      inUse.add(second.name)
      await remove(path)
    }
    assert.deepEqual((await t.volumes.prune(new Map())).deleted, [first.name])
    assert.equal(t.volumes.get(second.name).name, second.name)
  })
})

describe('volumes: list', () => {
  it('filters by name, driver, label and use', async () => {
    const t = setUp()
    await t.create('app_data', { labels: { tier: 'db' } })
    await t.create('app_cache')
    await t.create('other')
    t.volumes.setUsers(name => (name === 'other' ? ['c'] : []))
    const names = (filters: Record<string, string[]>) =>
      t.volumes.list(new Map(Object.entries(filters))).map(volume => volume.name)
    assert.deepEqual(names({ name: ['app'] }), ['app_data', 'app_cache'])
    assert.deepEqual(names({ name: ['cache', 'oth'] }), ['app_cache', 'other'])
    assert.deepEqual(names({ label: ['tier=db'] }), ['app_data'])
    assert.deepEqual(names({ driver: ['x'] }), [])
    assert.deepEqual(names({ dangling: ['true'] }), ['app_data', 'app_cache'])
    assert.deepEqual(names({ dangling: ['0'] }), ['other'])
    assert.throws(() => names({ dangling: ['maybe'] }), kind('invalid', /invalid filter 'dangling=\[maybe\]'/))
    assert.throws(() => names({ status: ['x'] }), kind('invalid', /invalid filter 'status'/))
  })
})

describe('volumes: after a crash', () => {
  it('finishes removals, completes or undoes fillings, keeps data without a record', async () => {
    const t = setUp()
    for (const name of ['kept', 'removed', 'filled', 'half']) await t.create(name)
    await t.files.writeAtomic(`${ROOT}/kept/_data/f`, 'x')
    await t.files.rename(`${ROOT}/removed`, `${ROOT}/.trash-removed-0000beef`)
    await t.files.makeDirectory(`${ROOT}/filled/_filling/sub`)
    await t.files.remove(`${ROOT}/filled/_data`)
    await t.files.makeDirectory(`${ROOT}/half/_filling/sub`)
    await t.files.makeDirectory(`${ROOT}/never-finished/_data`)
    await t.files.makeDirectory(`${ROOT}/orphan/_data`)
    await t.files.writeAtomic(`${ROOT}/orphan/_data/precious`, 'x')
    const after = setUp({ ...t, mounts: new FakeMounts() })
    await after.volumes.recover(new Map())
    assert.deepEqual(
      after.volumes
        .list(new Map())
        .map(volume => volume.name)
        .sort(),
      ['filled', 'half', 'kept', 'orphan'],
    )
    assert.deepEqual(await t.files.list(ROOT), ['filled', 'half', 'kept', 'orphan'])
    assert.deepEqual(await t.files.list(`${ROOT}/filled/_data`), ['sub'])
    assert.deepEqual(await t.files.list(`${ROOT}/half`), ['_data'])
    assert.equal(await t.files.read(`${ROOT}/orphan/_data/precious`), 'x')
  })

  it('remounts what live containers use and unmounts what nobody does', async () => {
    const t = setUp()
    await t.create('used', { options: nfs })
    await t.create('stale', { options: nfs })
    await t.volumes.mount('stale', 'gone')
    const after = setUp(t)
    await after.volumes.recover(new Map([['used', ['c1', 'c2']]]))
    assert.deepEqual(
      t.mounts.mounted.map(mount => mount.target),
      [`${ROOT}/used/_data`],
    )
    await after.volumes.unmount('used', 'c1')
    await assert.rejects(after.volumes.remove('used', { force: false }), kind('conflict', /in use - \[c2\]/))
    await after.volumes.unmount('used', 'c2')
    assert.deepEqual(t.mounts.mounted, [])
  })

  it('starts although a live volume cannot be mounted', async () => {
    const t = setUp()
    await t.create('used', { options: nfs })
    t.mounts.refuse(`${ROOT}/used/_data`, 'EHOSTUNREACH')
    await t.volumes.recover(new Map([['used', ['c']]]))
    await assert.rejects(t.volumes.remove('used', { force: false }), kind('conflict', /in use/))
  })
})
