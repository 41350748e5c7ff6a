import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { HostBlock } from '#kernel/block/index.ts'
import { HostFiles } from '#kernel/files/index.ts'
import { HostMounts } from '#kernel/mounts/index.ts'
import { systemClock } from '#lib/clock.ts'
import { silentLogger } from '#lib/log.ts'
import { FakeStore } from '#ports/testing/fake-store.ts'
import { Volumes } from '../volumes.ts'

const base = fs.mkdtempSync(join(tmpdir(), 'berth-stage-'))
const mounts = new HostMounts()
after(async () => {
  for (const point of mounts.below(base)) await mounts.unmount(point)
  fs.rmSync(base, { recursive: true })
})

function open(dataRoot = fs.mkdtempSync(join(base, 'd')), store = new FakeStore()) {
  const volumes = new Volumes({
    store,
    files: new HostFiles(),
    mounts,
    block: new HostBlock(mounts),
    clock: systemClock(),
    log: silentLogger,
    dataRoot,
    publish: () => {},
    randomHex: digits => randomBytes(32).toString('hex').slice(0, digits),
  })
  const stage = (name: string, options: Record<string, string> = {}) =>
    volumes.stage({ name, driver: '', options, labels: {}, replace: true })
  const create = (name: string, options: Record<string, string> = {}) =>
    volumes.create({ name, driver: '', options, labels: {} })
  return { volumes, stage, create, root: join(dataRoot, 'volumes'), dataRoot, store }
}

/** What in the directory of all volumes is not a volume, once what is removed in the background is gone. */
async function strangers(root: string): Promise<string[]> {
  for (let tries = 0; ; tries++) {
    const hidden = fs.readdirSync(root).filter(name => name.startsWith('.'))
    if (hidden.length === 0 || tries === 100) return hidden
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

/** All that belongs to a directory itself. */
function looks(path: string): unknown {
  const { mode, uid, gid, mtimeNs } = fs.lstatSync(path, { bigint: true })
  const acl = spawnSync('getfattr', ['-d', '-m', '-', '-e', 'hex', '--absolute-names', path]).stdout.toString()
  return { mode, uid, gid, mtimeNs, acl: acl.split('\n').slice(1) }
}

const odd = Buffer.concat([Buffer.from('odd-'), Buffer.from([0xff, 0xfe])])

describe('staged volumes on the host', { skip: process.getuid?.() !== 0 && 'needs root' }, () => {
  it('replace what a bound directory has, odd names and looks too, or leave it as it was', async () => {
    const { stage, create } = open()
    const source = fs.mkdtempSync(join(base, 's'))
    fs.writeFileSync(Buffer.concat([Buffer.from(`${source}/`), odd]), 'old')
    fs.mkdirSync(join(source, 'dir/sub'), { recursive: true })
    spawnSync('setfattr', ['-n', 'user.old', '-v', '1', source])
    fs.chownSync(source, 5, 6)
    fs.utimesSync(source, 1_000_000_000, 1_000_000_000.5)
    const before = looks(source)
    await create('data', { type: 'none', o: 'bind', device: source })
    const given = await stage('data')
    fs.writeFileSync(join(given.path, 'f'), 'never')
    await given.abort()
    assert.deepEqual(looks(source), before)
    assert.deepEqual(fs.readdirSync(source, { encoding: 'buffer' }), [Buffer.from('dir'), odd])
    const staged = await stage('data')
    fs.writeFileSync(Buffer.concat([Buffer.from(`${staged.path}/`), odd]), 'new')
    fs.symlinkSync('nowhere', join(staged.path, 'dir'))
    spawnSync('setfattr', ['-n', 'user.new', '-v', '2', staged.path])
    fs.chmodSync(staged.path, 0o2770)
    fs.utimesSync(staged.path, 2, 1_234_567_890.123)
    const wanted = looks(staged.path)
    await staged.commit()
    assert.deepEqual(looks(source), wanted)
    assert.deepEqual(fs.readdirSync(source, { encoding: 'buffer' }), [Buffer.from('dir'), odd])
    assert.equal(fs.readlinkSync(join(source, 'dir')), 'nowhere')
    assert.deepEqual(mounts.below(base), [])
  })

  it('are images as a whole where a volume has a file system of its own; clone, rename, trash and size go with it', async () => {
    const { stage, create, volumes, root } = open()
    const size = { size: '24m' }
    await create('data', size)
    const write = async (text: string) => {
      const path = await volumes.mount('data', 'c')
      fs.writeFileSync(join(path, 'f'), text)
      await volumes.unmount('data', 'c')
    }
    const read = async (name: string) => {
      const path = await volumes.mount(name, 'c')
      try {
        return fs.readFileSync(join(path, 'f'), 'utf8')
      } finally {
        await volumes.unmount(name, 'c')
      }
    }
    await write('old')
    const staged = await stage('data')
    fs.writeFileSync(join(staged.path, 'f'), 'new')
    fs.writeFileSync(join(staged.path, 'filler'), Buffer.alloc(4 << 20, 1))
    assert.throws(() => fs.writeFileSync(join(staged.path, 'filler'), Buffer.alloc(64 << 20)), { code: 'ENOSPC' })
    fs.rmSync(join(staged.path, 'filler'))
    await staged.commit()
    assert.equal(await read('data'), 'new')
    assert.deepEqual(await strangers(root), [])
    const made = await stage('made', size)
    fs.writeFileSync(join(made.path, 'f'), 'made')
    assert.deepEqual((await made.commit()).options, size)
    assert.equal(await read('made'), 'made')
    const { volume, live } = await volumes.clone('data', { name: 'copy', labels: {} })
    assert.deepEqual([volume.options, live], [size, false])
    assert.equal(await read('copy'), 'new')
    await volumes.rename('copy', 'renamed')
    await volumes.remove('renamed', { force: false, keep: 60_000 })
    await volumes.restoreDeleted('renamed', 'back')
    assert.equal(await read('back'), 'new')
    const grown = await volumes.update('back', { labels: {}, size: 48 << 20 })
    assert.notDeepEqual(grown.options, size)
    const path = await volumes.mount('back', 'c')
    fs.writeFileSync(join(path, 'filler'), Buffer.alloc(30 << 20, 1))
    await volumes.unmount('back', 'c')
    await assert.rejects(volumes.update('back', { labels: {}, size: 1 << 20 }))
    for (const name of ['data', 'made', 'back']) await volumes.remove(name, { force: false })
    assert.deepEqual([fs.readdirSync(root), mounts.below(base)], [[], []])
    volumes.close()
  })

  it('are given back when the daemon is killed: images unmounted, hidden directories gone', async () => {
    const { stage, create, dataRoot, store, root } = open()
    const source = fs.mkdtempSync(join(base, 's'))
    fs.writeFileSync(join(source, 'kept'), 'x')
    await create('bound', { type: 'none', o: 'bind', device: source })
    await create('image', { size: '24m' })
    for (const name of ['bound', 'image', 'new']) fs.writeFileSync(join((await stage(name)).path, 'f'), 'half')
    assert.equal(mounts.below(root).length, 2)
    const next = open(dataRoot, store)
    await next.volumes.recover(new Map())
    assert.deepEqual(fs.readdirSync(source), ['kept'])
    assert.deepEqual([fs.readdirSync(root), mounts.below(root)], [['bound', 'image'], []])
    await next.volumes.remove('bound', { force: false })
    await next.volumes.remove('image', { force: false })
  })
})
