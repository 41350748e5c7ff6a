import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { systemClock } from '#lib/clock.ts'
import { isKind, system, unavailable } from '#lib/errors.ts'
import { silentLogger } from '#lib/log.ts'
import type { VolumeRecord } from '#model/volume.ts'
import type { Conversation, FileServers } from '#ports/file-servers.ts'
import { FakeBlock } from '#ports/testing/fake-block.ts'
import { FakeFiles } from '#ports/testing/fake-files.ts'
import { FakeMounts } from '#ports/testing/fake-mounts.ts'
import type { Context } from '../context.ts'
import { LocalDriver } from './driver.ts'

const ROOT = '/lib/volumes'

class FakeServers implements FileServers {
  readonly dialled: string[] = []
  answer: () => Promise<Conversation> = async () => {
    throw unavailable('no', { details: { errno: 'ECONNREFUSED' } })
  }
  known = true

  dial(address: string, port: number): Promise<Conversation> {
    this.dialled.push(`${address}:${port}`)
    return this.answer()
  }

  async ownAddress(): Promise<string> {
    return '10.0.0.9'
  }

  knowsType(): boolean {
    return this.known
  }
}

function setUp() {
  const [files, mounts, servers] = [new FakeFiles(), new FakeMounts(), new FakeServers()]
  const block = new FakeBlock(files, mounts)
  let serial = 0
  const driver = new LocalDriver({
    files,
    mounts,
    block,
    servers,
    root: ROOT,
    records: { list: () => [] },
    clock: systemClock(),
    log: silentLogger,
    randomHex: (digits: number) => (++serial).toString(16).padStart(digits, '0'),
    lookup: async (host: string) =>
      host === 'nas' ? '10.0.0.5' : Promise.reject(Object.assign(new Error('x'), { code: 'ENOTFOUND' })),
    mountDeadline: 50,
    validationDeadline: 200,
  } as unknown as Context)
  const record = (name: string, options: Record<string, string>) => ({ name, options, labels: {} }) as VolumeRecord
  const create = async (name: string, options: Record<string, string>, validate = false) => {
    await driver.create(record(name, options), { validate })
    return record(name, options)
  }
  return { driver, files, mounts, block, servers, create, record }
}

const G = 1 << 30

describe('local volumes with a limit', () => {
  it('have a quota where the disk has project quotas', async () => {
    const t = setUp()
    t.block.of = { type: 'xfs', projectQuota: true, totalBytes: 100 * G, usedBytes: 0 }
    const volume = await t.create('v', { size: '2G' })
    assert.deepEqual([...t.block.limits], [[`${ROOT}/v`, 2 * G]])
    assert.equal(await t.driver.attach(volume), `${ROOT}/v/_data`)
    assert.deepEqual(t.mounts.mounted, [])
    assert.equal(t.driver.isAttached(volume), false)
    assert.deepEqual(await t.driver.grow(volume, 3 * G), { size: '3G' })
    assert.equal(t.block.limits.get(`${ROOT}/v`), 3 * G)
    await t.driver.detach(volume)
    assert.equal(await t.driver.usage(volume), 0)
  })

  it('are images elsewhere, with owner and mode, attached while they are used', async () => {
    const t = setUp()
    const volume = await t.create('v', { size: '1G', uid: '70', mode: '0700' })
    const image = `${ROOT}/v/volume.img`
    assert.deepEqual(t.block.calls, [`format ${image} ext4 ${G}`, `own ${ROOT}/v/_data 70:70 700`])
    assert.deepEqual(t.mounts.mounted, [])
    await t.driver.attach(volume)
    await t.driver.attach(volume)
    assert.deepEqual(t.mounts.mounted, [
      { target: `${ROOT}/v/_data`, type: 'ext4', source: image, options: ['discard'] },
    ])
    assert.equal(t.driver.isAttached(volume), true)
    assert.equal(t.driver.isPlain(volume), false)
    assert.equal(t.driver.extent(volume), 'all')
    await assert.rejects(t.driver.grow(volume, G / 2), /v has 1G: it can grow, but not shrink to 512M/)
    assert.deepEqual(await t.driver.grow(volume, 2 * G), { size: '2G', uid: '70', mode: '0700' })
    assert.equal(t.block.calls.at(-1), `grow ${image} ${2 * G} ${ROOT}/v/_data`)
    await t.driver.detach(volume)
    assert.deepEqual(t.mounts.mounted, [])
    await t.driver.grow(volume, 3 * G)
    assert.equal(t.block.calls.at(-1), `grow ${image} ${3 * G} detached`)
    await assert.rejects(t.driver.grow(await t.create('w', {}), G), /w has no limit that could be raised/)
  })

  it('compress in a btrfs of their own, or in the disk itself if it is one', async () => {
    const t = setUp()
    const volume = await t.create('v', { compress: 'zstd:9' })
    await t.driver.attach(volume)
    assert.deepEqual(t.mounts.mounted[0]!.options, ['discard=sync', 'subvol=data', 'compress=zstd:9'])
    assert.equal(t.block.sizes.get(`${ROOT}/v/volume.img`), t.block.of.totalBytes)
    const snapshot = await t.driver.snapshot(volume)
    assert.match(snapshot!.path, /\/v\/_top-\d+\/snapshot-\d+$/)
    assert.equal(t.mounts.mounted.length, 2)
    await snapshot!.release()
    assert.equal(t.mounts.mounted.length, 1)
    t.block.of = { type: 'btrfs', projectQuota: false, totalBytes: 100 * G, usedBytes: 0 }
    await t.create('w', { compress: 'lzo' })
    assert.equal(t.block.calls.at(-1), `compress ${ROOT}/w/_data lzo`)
    assert.equal(await t.driver.snapshot(t.record('w', { compress: 'lzo' })), undefined)
  })

  it('leave nothing when they cannot be made', async () => {
    const t = setUp()
    t.block.format = async () => {
      throw system('mkfs.ext4 is not installed')
    }
    await assert.rejects(t.create('v', { size: '1G' }), /mkfs\.ext4 is not installed/)
    assert.equal(await t.files.stat(`${ROOT}/v`), undefined)
  })

  it('are mended after a crash', async () => {
    const t = setUp()
    const volume = await t.create('v', { compress: 'zstd' })
    await t.driver.attach(volume)
    await t.driver.snapshot(volume)
    await t.files.writeAtomic(`${ROOT}/v/volume.img.part`, 'half')
    await t.mounts.filesystem(`${ROOT}/gone/_data`, 'ext4', '/x', [])
    t.block.orphans.push({ device: '/dev/loop3', file: `${ROOT}/gone/volume.img` })
    t.block.orphans.push({ device: '/dev/loop4', file: '/home/somebody.img' })
    await t.driver.recover([volume])
    assert.deepEqual(
      t.mounts.mounted.map(({ target }) => target),
      [`${ROOT}/v/_data`],
    )
    assert.deepEqual(await t.files.list(`${ROOT}/v`), ['_data', 'options.json', 'volume.img'])
    assert.deepEqual(
      t.block.orphans.map(({ device }) => device),
      ['/dev/loop4'],
    )
    assert.ok(t.block.calls.includes(`thaw ${ROOT}/v/_data`))
  })
})

describe('local volumes of servers', () => {
  const nfs = { type: 'nfs', device: ':/x', o: 'addr=nas,rw' }

  it('are tried version by version, and the telling error is told', async () => {
    const t = setUp()
    const tried: string[] = []
    const errnos = ['EPROTONOSUPPORT', 'EINVAL', 'EPROTONOSUPPORT', '']
    t.mounts.filesystem = async (_target, _type, _source, options) => {
      tried.push(options.find(word => word.startsWith('vers='))!)
      const errno = errnos[tried.length - 1]
      if (errno) throw system(`failed with ${errno}`, { details: { errno } })
    }
    await t.files.makeDirectory('/run')
    await t.files.writeAtomic('/run/rpc.statd.pid', '7')
    await t.driver.attach(await t.create('v', nfs))
    assert.deepEqual(tried, ['vers=4.2', 'vers=4.1', 'vers=4.0', 'vers=3'])
    errnos[3] = 'EINVAL'
    errnos[1] = 'ENOENT'
    tried.length = 0
    await assert.rejects(t.driver.attach(t.record('v', nfs)), /failed to mount local volume: failed with ENOENT/)
    errnos[0] = 'ENODEV'
    tried.length = 0
    await assert.rejects(t.driver.attach(t.record('v', nfs)), /ENODEV/)
    assert.deepEqual(tried, ['vers=4.2'])
  })

  it('are looked at before they are made, if asked', async () => {
    const t = setUp()
    await assert.rejects(
      t.create('v', nfs, true),
      (error: Error) =>
        isKind(error, 'unavailable') &&
        error.message ===
          'server nas (10.0.0.5) does not answer on port 2049 for /x (ECONNREFUSED): nothing listens there: start the NFS server, or give another one with o=port=N',
    )
    await assert.rejects(t.create('v', { ...nfs, o: 'addr=nowhere' }, true), /name nowhere is not known \(ENOTFOUND\)/)
    t.servers.answer = () => new Promise(() => {})
    await assert.rejects(t.create('v', nfs, true), /:\/x did not answer within 0 s \(ETIMEDOUT\)/)
    assert.equal(await t.files.stat(`${ROOT}/v`), undefined)
    assert.deepEqual(t.servers.dialled, ['10.0.0.5:2049', '10.0.0.5:2049'])
    await t.create('v', nfs)
    await assert.rejects(
      t.create('b', { type: 'none', device: '/absent', o: 'bind' }, true),
      /\/absent .*does not exist/,
    )
    await t.files.makeDirectory('/there')
    await t.create('c', { type: 'none', device: '/there', o: 'bind' }, true)
    assert.deepEqual(t.mounts.mounted, [])
  })

  it('hold one thread each when their server is dead', async () => {
    const t = setUp()
    let mounting = 0
    let answer = () => {}
    t.mounts.filesystem = () => {
      mounting++
      return new Promise(resolve => (answer = resolve))
    }
    const volume = await t.create('v', nfs)
    await assert.rejects(t.driver.attach(volume), /:\/x did not answer within/)
    for (let i = 0; i < 3; i++) await assert.rejects(t.driver.attach(volume), /:\/x is still being mounted/)
    assert.equal(mounting, 1)
    answer()
    await new Promise(resolve => setTimeout(resolve, 5))
    const again = t.driver.attach(volume)
    await new Promise(resolve => setTimeout(resolve, 5))
    answer()
    await again
    assert.equal(mounting, 2)
  })
})
