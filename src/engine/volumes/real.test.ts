import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { HostFiles } from '#kernel/files/index.ts'
import { HostMounts } from '#kernel/mounts/index.ts'
import { systemClock } from '#lib/clock.ts'
import { silentLogger } from '#lib/log.ts'
import { SqliteStore } from '#store/index.ts'
import { Volumes } from './volumes.ts'

const base = fs.mkdtempSync(join(tmpdir(), 'berth-volumes-'))
const mounts = new HostMounts()
after(async () => {
  for (const point of mounts.below(base)) await mounts.unmount(point)
  fs.rmSync(base, { recursive: true })
})

function open(dataRoot = fs.mkdtempSync(join(base, 'd'))) {
  const store = new SqliteStore(join(dataRoot, 'berth.db'))
  const volumes = new Volumes({
    store,
    files: new HostFiles(),
    mounts,
    clock: systemClock(),
    log: silentLogger,
    dataRoot,
    publish: () => {},
    randomHex: digits => randomBytes(32).toString('hex').slice(0, digits),
  })
  const create = (name: string, options: Record<string, string> = {}) =>
    volumes.create({ name, driver: 'local', options, labels: {} })
  return { volumes, create, dataRoot, store }
}

describe('volumes on the host', { skip: process.getuid?.() !== 0 && 'needs root' }, () => {
  it('copies up from an overlay, with what belongs to each file', async () => {
    const { volumes, create } = open()
    const [lower, upper, work, image] = ['l', 'u', 'w', 'i'].map(name => {
      const path = join(base, name)
      fs.mkdirSync(path)
      return path
    }) as [string, string, string, string]
    fs.mkdirSync(join(lower, 'data/sub'), { recursive: true })
    fs.writeFileSync(join(lower, 'data/sub/big'), randomBytes(3 << 20))
    fs.chownSync(join(lower, 'data/sub/big'), 70, 71)
    fs.symlinkSync('sub/big', join(lower, 'data/link'))
    fs.chownSync(join(lower, 'data'), 999, 999)
    fs.chmodSync(join(lower, 'data'), 0o700)
    await mounts.overlay(image, { lower: [lower], upper, work })
    const { mountpoint } = await create('pg')
    await volumes.copyUp('pg', join(image, 'data'))
    const top = fs.statSync(mountpoint)
    assert.deepEqual([top.uid, top.gid, top.mode & 0o7777], [999, 999, 0o700])
    assert.equal(fs.statSync(join(mountpoint, 'sub/big')).gid, 71)
    assert.ok(fs.readFileSync(join(mountpoint, 'link')).equals(fs.readFileSync(join(lower, 'data/sub/big'))))
    assert.ok((await volumes.usage('pg')) >= 3 << 20)
  })

  it('mounts tmpfs and bind volumes while they are used, over a restart', async () => {
    const { create, volumes, dataRoot, store } = open()
    const source = fs.mkdtempSync(join(base, 's'))
    fs.writeFileSync(join(source, 'f'), 'bound')
    await create('ram', { type: 'tmpfs', device: 'tmpfs', o: 'size=1m,mode=0770' })
    await create('bound', { type: 'none', device: source, o: 'bind,ro' })
    const ram = await volumes.mount('ram', 'c1')
    fs.writeFileSync(join(ram, 'x'), 'in memory')
    assert.equal(fs.statSync(ram).mode & 0o777, 0o770)
    const bound = await volumes.mount('bound', 'c1')
    assert.equal(fs.readFileSync(join(bound, 'f'), 'utf8'), 'bound')
    assert.throws(() => fs.writeFileSync(join(bound, 'f'), ''), { code: 'EROFS' })
    // The daemon is killed and started again; c1 ran on, and bound's user did not.
    store.close()
    const again = open(dataRoot)
    await again.volumes.recover(new Map([['ram', ['c1']]]))
    assert.equal(fs.readFileSync(join(ram, 'x'), 'utf8'), 'in memory')
    assert.equal(mounts.isMounted(bound), false)
    await assert.rejects(again.volumes.remove('ram', { force: true }), /volume is in use - \[c1\]/)
    await again.volumes.unmount('ram', 'c1')
    await again.volumes.remove('ram', { force: false })
    await again.volumes.remove('bound', { force: false })
    assert.equal(fs.readFileSync(join(source, 'f'), 'utf8'), 'bound')
    assert.deepEqual(fs.readdirSync(join(dataRoot, 'volumes')), [])
    again.store.close()
  })

  it('says what is wrong with a device', async () => {
    const { create, volumes } = open()
    await create('missing', { type: 'none', device: join(base, 'absent'), o: 'bind' })
    await assert.rejects(
      volumes.mount('missing', 'c'),
      /failed to mount local volume: .*absent.*no such file or directory/,
    )
    await create('nodisk', { type: 'ext4', device: '/dev/berth-none' })
    await assert.rejects(volumes.mount('nodisk', 'c'), /the source does not exist/)
  })
})
