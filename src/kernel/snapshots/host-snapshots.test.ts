import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { after, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { layerOf, snapshotsSuite } from '#ports/snapshots.suite.ts'
import { FakeStore } from '#ports/testing/fake-store.ts'
import { hasErrno } from '../ffi/errno.ts'
import * as at from '../ffi/fs.ts'
import { HostFiles } from '../files/index.ts'
import { HostMounts } from '../mounts/index.ts'
import { KernelUsage } from '../usage/index.ts'
import { HostSnapshots } from './host-snapshots.ts'

const base = fs.mkdtempSync(join(tmpdir(), 'berth-snapshots-'))
const mounts = new HostMounts()
const skip = process.getuid?.() !== 0 && 'needs root'
after(async () => {
  for (const point of mounts.below(base)) await mounts.unmount(point)
  fs.rmSync(base, { recursive: true })
})

function make(store = new FakeStore(), root = fs.mkdtempSync(join(base, 'r'))) {
  const options = { store, mounts, files: new HostFiles(), dataRoot: join(root, 'data'), execRoot: join(root, 'run') }
  const snapshots = new HostSnapshots(options)
  const done = async () => {
    for (const point of mounts.below(root)) await mounts.unmount(point)
  }
  return { snapshots, store, root, done }
}

/** A layer made by GNU tar of what `fill` writes. */
function layer(fill: (dir: string) => void): Readable {
  const dir = fs.mkdtempSync(join(base, 'l'))
  fs.chmodSync(dir, 0o755)
  fill(dir)
  const made = spawnSync('tar', ['-C', dir, '--xattrs', '--xattrs-include=*', '-cf', '-', '.'], { maxBuffer: 64 << 20 })
  assert.equal(made.status, 0, made.stderr.toString())
  return Readable.from([made.stdout])
}

const write = (dir: string, path: string, text = path) => {
  fs.mkdirSync(join(dir, path, '..'), { recursive: true })
  fs.writeFileSync(join(dir, path), text)
}

async function members(stream: Readable): Promise<string[]> {
  const list = spawnSync('tar', ['-tf', '-'], { input: await buffer(stream) })
  assert.equal(list.status, 0, list.stderr.toString())
  return list.stdout.toString().split('\n').filter(Boolean)
}

if (!skip) snapshotsSuite('host', make)

describe('host snapshots', { skip }, () => {
  it('turns whiteouts and opaque marks into what overlayfs hides by', async () => {
    const { snapshots, done } = make()
    await snapshots.unpack(
      'base',
      undefined,
      layer(dir => {
        for (const path of ['gone', 'kept', 'opaque/old', 'again/old', 'sub/gone', 'sub/kept']) write(dir, path)
      }),
    )
    await snapshots.unpack(
      'top',
      'base',
      layer(dir => {
        for (const path of ['.wh.gone', 'opaque/.wh..wh..opq', 'opaque/new', 'sub/.wh.gone', '.wh..wh.aufs'])
          write(dir, path, '')
        write(dir, '.wh.again', '')
        write(dir, 'again/new')
      }),
    )
    await snapshots.prepare('c', 'top')
    const root = await snapshots.mount('c')
    assert.deepEqual(fs.readdirSync(root).sort(), [
      '.dockerenv',
      'again',
      'dev',
      'etc',
      'kept',
      'opaque',
      'proc',
      'sub',
      'sys',
    ])
    assert.deepEqual(fs.readdirSync(join(root, 'opaque')), ['new'])
    assert.deepEqual(fs.readdirSync(join(root, 'again')), ['new'])
    assert.deepEqual(fs.readdirSync(join(root, 'sub')), ['kept'])
    await done()
  })

  it('keeps owners, modes, capabilities and the image root as they are', async () => {
    const { snapshots, done } = make()
    const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex')
    await snapshots.unpack(
      'base',
      undefined,
      layer(dir => {
        write(dir, 'bin/ping')
        at.setXattr(join(dir, 'bin/ping'), 'security.capability', capability)
        write(dir, 'bin/su')
        fs.chownSync(join(dir, 'bin/su'), 1, 2)
        fs.chmodSync(join(dir, 'bin/su'), 0o4755)
        fs.chownSync(dir, 3, 4)
        fs.chmodSync(dir, 0o751)
      }),
    )
    await snapshots.prepare('c', 'base')
    const root = await snapshots.mount('c')
    assert.deepEqual(at.getXattr(join(root, 'bin/ping'), 'security.capability'), capability)
    const su = fs.statSync(join(root, 'bin/su'))
    assert.deepEqual([su.uid, su.gid, su.mode & 0o7777], [1, 2, 0o4755])
    const top = fs.statSync(root)
    assert.deepEqual([top.uid, top.gid, top.mode & 0o7777], [3, 4, 0o751])
    await done()
  })

  it('tells changes as docker diff does, and packs them so that they unpack to the same', async () => {
    const { snapshots, done } = make()
    await snapshots.unpack(
      'base',
      undefined,
      layer(dir => {
        for (const path of ['etc/conf', 'etc/same', 'var/a/deep', 'var/b/x', 'gone', 'dir/1', 'dir/2']) write(dir, path)
      }),
    )
    await snapshots.prepare('c', 'base')
    const root = await snapshots.mount('c')
    write(root, 'etc/conf', 'changed')
    write(root, 'new/file')
    fs.linkSync(join(root, 'new/file'), join(root, 'new/hard'))
    write(root, 'var/a/deep', 'changed')
    fs.rmSync(join(root, 'gone'))
    fs.rmSync(join(root, 'dir'), { recursive: true })
    write(root, 'dir/3')
    fs.chmodSync(join(root, 'var/b'), 0o700)
    fs.writeFileSync(join(root, 'etc/hosts'), '')
    assert.deepEqual(
      (await snapshots.changes('c')).map(change => `${'CAD'[change.Kind]} ${change.Path}`),
      [
        'C /dir',
        'D /dir/1',
        'D /dir/2',
        'A /dir/3',
        'C /etc',
        'C /etc/conf',
        'C /etc/hosts',
        'D /gone',
        'A /new',
        'A /new/file',
        'A /new/hard',
        'C /var',
        'C /var/a',
        'C /var/a/deep',
        'C /var/b',
      ],
    )
    const names = await members(await snapshots.diff('c'))
    for (const name of ['.wh.gone', 'dir/.wh..wh..opq', 'dir/3', 'etc/conf', 'new/hard', 'var/b/'])
      assert.ok(names.includes(name), name)
    assert.ok(!names.includes('gone') && !names.includes('etc/same'))
    assert.ok((await snapshots.usage('c')) > 0)
    await snapshots.unpack('committed', 'base', await snapshots.diff('c'))
    await snapshots.prepare('d', 'committed')
    const again = await snapshots.mount('d')
    const tree = (path: string) =>
      spawnSync('sh', ['-c', 'cd "$1" && find . -printf "%p %m %u %n %s\\n" | sort', '-', path]).stdout.toString()
    assert.equal(tree(again), tree(root))
    await done()
  })

  it('has a witness of each time that a writable one was mounted', async () => {
    const { snapshots, done } = make()
    const usage = new KernelUsage()
    await snapshots.prepare('box', undefined)
    const { path, witness, inUse } = snapshots.tree('box')
    assert.equal(inUse, false)
    const stamps = new Set<string>()
    for (let i = 0; i < 4; i++) {
      stamps.add(await usage.stamp(witness))
      // The kernel's clock of files ticks every few milliseconds.
      await sleep(10)
      const root = await snapshots.mount('box')
      assert.equal(snapshots.tree('box').inUse, true)
      fs.mkdirSync(join(root, 'deep', `d${i}`), { recursive: true })
      await snapshots.unmount('box')
    }
    assert.equal(stamps.size, 4)
    assert.equal((await usage.measure(path)).files, 5)
    const before = await usage.stamp(witness)
    await sleep(10)
    assert.equal(await usage.stamp(witness), before)
    await done()
  })

  it('mounts committed snapshots read-only, one layer or more', async () => {
    const { snapshots, done } = make()
    await snapshots.unpack(
      'one',
      undefined,
      layer(dir => write(dir, 'a')),
    )
    await snapshots.unpack(
      'two',
      'one',
      layer(dir => write(dir, 'b')),
    )
    for (const [key, names] of [
      ['one', ['a']],
      ['two', ['a', 'b']],
    ] as const) {
      const path = await snapshots.mount(key)
      assert.deepEqual(fs.readdirSync(path).sort(), [...names])
      assert.throws(() => fs.writeFileSync(join(path, 'x'), ''), { code: 'EROFS' })
    }
    await snapshots.prepare('running', 'two')
    await snapshots.mount('running')
    await snapshots.close()
    assert.deepEqual(
      ['one', 'two', 'running'].map(key => snapshots.isMounted(key)),
      [false, false, true],
    )
    await done()
  })

  it('finds its mounts again and sweeps what a crash left', async () => {
    const { snapshots, store, root, done } = make()
    await snapshots.unpack('base', undefined, Readable.from([layerOf('f', 'x')]))
    await snapshots.prepare('c', 'base', { ephemeral: true })
    const path = await snapshots.mount('c')
    fs.writeFileSync(join(path, 'mine'), 'still here')
    await snapshots.prepare('lost', 'base')
    const lost = await snapshots.mount('lost')
    store.repository('snapshots').delete('lost')
    fs.mkdirSync(join(root, 'data/snapshots/new-77/fs'), { recursive: true })
    fs.mkdirSync(join(root, 'data/snapshots/trash-78/fs'), { recursive: true })
    const restarted = make(store, root).snapshots
    assert.equal(restarted.isMounted('c'), true)
    await restarted.sweep()
    assert.equal(fs.readFileSync(join(path, 'mine'), 'utf8'), 'still here')
    assert.equal(fs.existsSync(lost), false)
    assert.deepEqual(fs.readdirSync(join(root, 'data/snapshots')).sort(), ['1', '2', 'init'])
    await restarted.prepare('next', 'base')
    assert.ok(fs.readdirSync(join(root, 'data/snapshots')).includes('79'))
    // As after a power cut: the volatile mount is gone, its mark is not.
    fs.mkdirSync(join(root, 'data/snapshots/2/work/work/incompat/volatile'), { recursive: true })
    await restarted.unmount('c')
    await restarted.mount('c')
    await restarted.remove('c')
    assert.equal(fs.existsSync(path), false)
    await done()
  })

  it('keeps names that are not UTF-8', async () => {
    const { snapshots, done } = make()
    const odd = Buffer.from('odd-\xe9\xff', 'latin1')
    await snapshots.unpack(
      'base',
      undefined,
      layer(dir => fs.writeFileSync(Buffer.concat([Buffer.from(`${dir}/`), odd]), 'x')),
    )
    await snapshots.prepare('c', 'base')
    const names = fs.readdirSync(await snapshots.mount('c'), { encoding: 'buffer' })
    assert.ok(names.some(name => name.equals(odd)))
    await done()
  })

  it('carries 150 layers', async () => {
    const { snapshots, done } = make()
    for (let i = 0; i < 150; i++)
      await snapshots.unpack(`l${i}`, i ? `l${i - 1}` : undefined, Readable.from([layerOf(`f${i}`, String(i))]))
    await snapshots.prepare('c', 'l149')
    const path = await snapshots.mount('c')
    assert.equal(fs.readFileSync(join(path, 'f0'), 'utf8'), '0')
    assert.equal(fs.readdirSync(path).filter(name => name.startsWith('f')).length, 150)
    await done()
  })

  it('refuses to mount on a full disk, where overlayfs would mount read-only', async () => {
    const root = fs.mkdtempSync(join(base, 'r'))
    fs.mkdirSync(join(root, 'data'))
    await mounts.tmpfs(join(root, 'data'), ['nr_inodes=100'])
    const { snapshots, done } = make(new FakeStore(), root)
    await snapshots.prepare('c', undefined)
    let files = 0
    const filler = () => join(root, 'data', `filler${files}`)
    assert.throws(
      () => {
        for (; ; files++) fs.writeFileSync(filler(), '')
      },
      { code: 'ENOSPC' },
    )
    await assert.rejects(snapshots.mount('c'), (e: unknown) => hasErrno(e, 'ENOSPC') && /no space left/.test(String(e)))
    assert.equal(snapshots.isMounted('c'), false)
    while (files-- > 0) fs.rmSync(filler())
    fs.writeFileSync(join(await snapshots.mount('c'), 'file'), 'text')
    await snapshots.remove('c')
    await done()
  })
})
