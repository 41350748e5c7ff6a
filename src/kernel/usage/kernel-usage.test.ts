import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { usageSuite } from '#ports/usage.suite.ts'
import { HostFiles } from '../files/index.ts'
import { MNT_DETACH, MS_BIND, mount, umount2 } from '../ffi/libc.ts'
import { KernelUsage } from './index.ts'

const base = fs.mkdtempSync(join(tmpdir(), 'berth-usage-'))
const usage = new KernelUsage(2)
after(async () => {
  await usage.close()
  // Deeper than what Node's own removal takes.
  spawnSync('rm', ['-rf', base])
})

usageSuite('kernel', () => ({ usage, files: new HostFiles(), base: fs.mkdtempSync(join(base, 's')) }))

const du = (path: string) => Number(execFileSync('du', ['-sxB1', path], { encoding: 'utf8' }).split('\t')[0])
const isRoot = process.getuid?.() === 0

function tree(name: string, directories: number, each: number): string {
  const top = join(base, name)
  for (let d = 0; d < directories; d++) {
    fs.mkdirSync(join(top, `d${d}`), { recursive: true })
    for (let i = 0; i < each; i++) fs.writeFileSync(join(top, `d${d}`, `f${i}`), 'x')
  }
  return top
}

/** Descriptors of this process that lead below a directory. */
function openBelow(top: string): number {
  const links = fs.readdirSync('/proc/self/fd').map(fd => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return ''
    }
  })
  return links.filter(link => link.startsWith(top)).length
}

describe('kernel usage', () => {
  it('says what du says: hard links, symlinks, holes, odd names', async () => {
    const top = tree('odd', 2, 3)
    fs.writeFileSync(join(top, 'big'), Buffer.alloc(3 << 20, 1))
    for (let i = 0; i < 5; i++) fs.linkSync(join(top, 'big'), join(top, 'd1', `link${i}`))
    fs.symlinkSync('/usr', join(top, 'usr'))
    fs.writeFileSync(Buffer.concat([Buffer.from(`${top}/`), Buffer.from([0xff, 0x0a, 0x20])]), 'x')
    fs.mkdirSync(Buffer.concat([Buffer.from(`${top}/`), Buffer.from([0xfe])]))
    fs.writeFileSync(Buffer.concat([Buffer.from(`${top}/`), Buffer.from([0xfe]), Buffer.from('/in')]), 'x')
    const sparse = fs.openSync(join(top, 'sparse'), 'w')
    fs.ftruncateSync(sparse, 1 << 30)
    fs.closeSync(sparse)
    assert.deepEqual(await usage.measure(top), { bytes: du(top), files: 19 })
  })

  it('goes deeper than it may have descriptors, and deeper than a path may be long', async () => {
    const top = join(base, 'deep')
    fs.mkdirSync(top)
    // Each level has a sibling that is walked on the way back.
    execFileSync(
      'sh',
      [
        '-c',
        'i=0; while [ $i -lt 400 ]; do mkdir -p side-$i/x dir-with-a-long-name-$i; cd -P dir-with-a-long-name-$i; i=$((i+1)); done; echo end > f',
      ],
      { cwd: top },
    )
    const { bytes, files } = await usage.measure(top)
    assert.equal(files, 400 * 3 + 1)
    assert.equal(bytes, du(top))
    assert.equal(openBelow(top), 0)
  })

  it('walks large trees on threads, several at once, and gives one up when nobody waits', async () => {
    const top = tree('large', 60, 250)
    const controller = new AbortController()
    const given = usage.measure(top, { background: true, signal: controller.signal })
    const both = await Promise.all([usage.measure(top), usage.measure(top, { background: true }), usage.measure(top)])
    for (const size of both) assert.deepEqual(size, { bytes: du(top), files: 60 * 251 })
    const again = usage.measure(top, { background: true, signal: controller.signal })
    controller.abort(new Error('nobody waits'))
    await assert.rejects(again, /nobody waits/)
    await given.catch(() => {})
  })

  it('does not enter mounts', { skip: !isRoot && 'needs root' }, async () => {
    const top = tree('mounts', 2, 2)
    const here = await usage.measure(top)
    for (const name of ['bind', 'tmpfs']) fs.mkdirSync(join(top, name))
    mount(tree('other', 1, 50), join(top, 'bind'), null, MS_BIND)
    mount('tmpfs', join(top, 'tmpfs'), 'tmpfs', 0)
    fs.writeFileSync(join(top, 'tmpfs', 'f'), Buffer.alloc(1 << 20))
    try {
      const size = await usage.measure(top)
      assert.ok(size.bytes <= here.bytes + 2 * 4096, `${size.bytes} against ${here.bytes}`)
      assert.ok(size.files <= here.files + 2)
    } finally {
      for (const name of ['bind', 'tmpfs']) umount2(join(top, name), MNT_DETACH)
    }
  })

  it('leaves nothing running: the process ends by itself', () => {
    const top = tree('end', 30, 250)
    const script = `const { KernelUsage } = await import(${JSON.stringify(import.meta.resolve('./index.ts'))})
      console.log(JSON.stringify(await new KernelUsage(1).measure(${JSON.stringify(top)})))`
    const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      timeout: 60_000,
    })
    assert.equal(status, 0, stderr)
    assert.equal(JSON.parse(stdout).files, 30 * 251)
  })
})
