import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chownSync,
  mkdirSync,
  readdirSync,
  renameSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { dockerClient, TestDaemon } from '../support/daemon.ts'
import { ok, run, TOOLS, until } from '../support/tools.ts'

// Every kind of mount and option, seen from inside the container and from the host.

const daemon = new TestDaemon()
const here = join(daemon.directory, 'host')
before(async () => {
  mkdirSync(here)
  await daemon.start()
  await daemon.loadBusybox()
})
after(async () => {
  for (const name of ['disk/below', 'disk', 'shared/late', 'shared']) spawnSync('umount', [join(here, name)])
  await daemon.dispose()
})
afterEach(async () => {
  const { containers, volumes } = daemon.client
  const all = await containers.list({ all: true })
  await Promise.all(all.map(one => containers.remove(one.Id, { force: true, volumes: true })))
  await volumes.prune({ all: ['true'] })
})

const place = (name: string) => {
  const path = join(here, name)
  mkdirSync(path, { recursive: true })
  return path
}
const mount = (...args: string[]) => {
  const { status, stderr } = spawnSync('mount', args, { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
}
/** What is pinned for creations, which end with them. */
const pinned = () => readdirSync(join(daemon.execRoot, 'mounts'))
const nothingPinned = () => until('pins are given back', () => (pinned().length === 0 ? true : undefined))

for (const tool of TOOLS) {
  describe(`with ${tool}`, { skip: tool === 'docker' && !dockerClient && 'the docker client is not installed' }, () => {
    const $ = (...args: string[]) => ok(daemon, tool, args)
    const once = (...args: string[]) => $('run', '--rm', '--network', 'none', ...args)
    /** 127 is what clients make of "no such file or directory". */
    const fails = async (words: RegExp, ...args: string[]) => {
      const { code, stderr } = await run(daemon, tool, ['run', '--rm', '--network', 'none', ...args])
      assert.equal(code, /no such file or directory/.test(stderr) ? 127 : 125, stderr)
      assert.match(stderr, words)
    }

    test('idmap: the owner of the source shows as the user of the container, both ways', async () => {
      const source = place(`mine-${tool}`)
      writeFileSync(join(source, 'file'), '')
      writeFileSync(join(source, 'other'), '')
      chownSync(source, 1234, 1235)
      chownSync(join(source, 'file'), 1234, 1235)
      chownSync(join(source, 'other'), 777, 777)
      const look = 'stat -c "%n %u:%g" /s/file /s/other; touch /s/made'
      const seen = await once('-u', '33:34', '-v', `${source}:/s:idmap`, 'busybox', 'sh', '-c', look)
      assert.deepEqual(seen.split('\n'), ['/s/file 33:34', '/s/other 777:777'])
      const made = statSync(join(source, 'made'))
      assert.deepEqual([made.uid, made.gid], [1234, 1235])
      const mapped = `${source}:/s:ro,idmap=uids=1234-5-1#777-6-1;gids=1235-7-1`
      const both = await once('-v', mapped, 'busybox', 'stat', '-c', '%n %u:%g', '/s/file', '/s/other')
      assert.deepEqual(both.split('\n'), ['/s/file 5:7', '/s/other 6:65534'])
      await fails(
        /invalid idmap range "1-2": write FROM-TO-LENGTH/,
        '-v',
        `${source}:/s:idmap=uids=1-2`,
        'busybox',
        'true',
      )
      await fails(/its ranges overlap/, '-v', `${source}:/s:idmap=uids=1-5-3#2-9-1`, 'busybox', 'true')
      await nothingPinned()
    })

    test('idmap of a volume, and of a single file', async () => {
      await $('volume', 'create', 'owned')
      await once('-v', 'owned:/o', 'busybox', 'chown', '900:900', '/o')
      assert.equal(await once('-u', '33:33', '-v', 'owned:/o:idmap', 'busybox', 'stat', '-c', '%u:%g', '/o'), '33:33')
      const file = join(place('files'), 'one')
      writeFileSync(file, 'text')
      chownSync(file, 900, 900)
      const look = ['-u', '33:33', '-v', `${file}:/etc/one:idmap`, 'busybox', 'stat', '-c', '%u %F', '/etc/one']
      assert.equal(await once(...look), '33 regular file')
      await nothingPinned()
    })

    test('require-mountpoint: a disk that is not mounted is an error, at creation and at start', async () => {
      const disk = place('disk')
      const bind = `${disk}:/d:require-mountpoint`
      await fails(
        /bind source path is not a mount point: .*\/disk: mount its file system first/,
        '-v',
        bind,
        'busybox',
        'true',
      )
      await fails(/not a mount point/, '-v', `${here}/absent:/d:require-mountpoint`, 'busybox', 'true').catch(() =>
        fails(/bind source path does not exist/, '-v', `${here}/absent:/d:require-mountpoint`, 'busybox', 'true'),
      )
      mount('-t', 'tmpfs', 'tmpfs', disk)
      writeFileSync(join(disk, 'here'), '')
      assert.equal(await once('-v', bind, 'busybox', 'ls', '/d'), 'here')
      await $('create', '--name', 'later', '-v', bind, 'busybox', 'true')
      spawnSync('umount', [disk])
      assert.match((await run(daemon, tool, ['start', 'later'])).stderr, /is not a mount point/)
      mount('-t', 'tmpfs', 'tmpfs', disk)
      await $('start', 'later')
      spawnSync('umount', [disk])
    })

    test('read-only is read-only below too, unless only the top is asked for', async () => {
      const disk = place('disk')
      mount('-t', 'tmpfs', 'tmpfs', disk)
      mkdirSync(join(disk, 'below'))
      mount('-t', 'tmpfs', 'tmpfs', join(disk, 'below'))
      const write = [
        'busybox',
        'sh',
        '-c',
        'touch /d/x 2>/dev/null || echo top; touch /d/below/x 2>/dev/null || echo below',
      ]
      assert.equal(await once('-v', `${disk}:/d:ro`, ...write), 'top\nbelow')
      const asked = `type=bind,src=${disk},dst=/d,readonly`
      assert.equal(
        await once('--mount', `${asked},bind-recursive=readonly,bind-propagation=rprivate`, ...write),
        'top\nbelow',
      )
      assert.equal(await once('--mount', `${asked},bind-recursive=writable`, ...write), 'top')
      assert.equal(await once('--mount', `${asked},bind-recursive=disabled`, ...write), 'top\nbelow')
      for (const name of ['disk/below', 'disk']) spawnSync('umount', [join(here, name)])
    })

    test('propagation: what is mounted later shows with rslave and rshared, and not with the default', async () => {
      const shared = place('shared')
      mount('-t', 'tmpfs', 'tmpfs', shared)
      mount('--make-shared', shared)
      mkdirSync(join(shared, 'late'))
      const bind = (name: string, mode: string) =>
        $('run', '-d', '--name', name, '--network', 'none', '-v', `${shared}:/s${mode}`, 'busybox', 'sleep', '1000')
      await Promise.all([bind('private', ''), bind('slave', ':rslave'), bind('peer', ':rshared')])
      mount('-t', 'tmpfs', 'tmpfs', join(shared, 'late'))
      writeFileSync(join(shared, 'late/file'), '')
      const seen = (name: string) => $('exec', name, 'ls', '/s/late')
      assert.deepEqual([await seen('private'), await seen('slave'), await seen('peer')], ['', 'file', 'file'])
      for (const name of ['shared/late', 'shared']) spawnSync('umount', ['-l', join(here, name)])
    })

    test('tmpfs: size, mode, owner, noexec', async () => {
      const options = '/t:size=1m,mode=750,uid=33,gid=34,noexec'
      const look =
        'stat -c "%a %u:%g" /t; echo "echo ran" > /t/x; chmod +x /t/x; /t/x 2>&1; dd if=/dev/zero of=/t/big bs=64k count=40 2>&1'
      const seen = await run(daemon, tool, ['run', '--rm', '--tmpfs', options, 'busybox', 'sh', '-c', look])
      assert.match(seen.stdout, /^750 33:34\n.*Permission denied\n.*No space left on device/)
      const long = 'type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1770'
      assert.match(await once('--mount', long, 'busybox', 'sh', '-c', 'stat -c %a /t; df -k /t'), /^1770\n[^]* 1024 /)
    })

    test('sub-paths of volumes and images; links in them lead nowhere else', async () => {
      await $('volume', 'create', 'tree')
      await once(
        '-v',
        'tree:/v',
        'busybox',
        'sh',
        '-c',
        'mkdir -p /v/a/b; echo inside > /v/a/b/f; ln -s / /v/root; ln -s a /v/to-a',
      )
      const sub = (path: string) => ['--mount', `type=volume,src=tree,dst=/s,volume-subpath=${path}`]
      assert.equal(await once(...sub('a/b'), 'busybox', 'cat', '/s/f'), 'inside')
      assert.equal(await once(...sub('a/b/f'), 'busybox', 'cat', '/s'), 'inside')
      assert.equal(await once(...sub('to-a'), 'busybox', 'ls', '/s'), 'b')
      assert.equal(await once(...sub('root'), 'busybox', 'ls', '/s'), 'a\nroot\nto-a')
      await fails(
        /cannot access path absent in volume tree: no such file or directory/,
        ...sub('absent'),
        'busybox',
        'true',
      )
      await fails(/subpath must be a relative path/, ...sub('../x'), 'busybox', 'true')
      const image = ['--mount', 'type=image,src=busybox,dst=/i,image-subpath=etc']
      if (tool === 'berth') {
        assert.match(await once(...image, 'busybox', 'cat', '/i/passwd'), /^root:/)
        assert.match(
          (await run(daemon, tool, ['run', '--rm', ...image, 'busybox', 'touch', '/i/x'])).stderr,
          /Read-only/,
        )
      }
      await nothingPinned()
    })

    test('a sub-path that is swapped for a link during starts never shows what is outside the volume', async () => {
      await $('volume', 'create', 'swapped')
      await once('-v', 'swapped:/v', 'busybox', 'sh', '-c', 'mkdir /v/sub; echo volume > /v/sub/os-release')
      const data = join(daemon.dataRoot, 'volumes/swapped/_data')
      symlinkSync('/etc', join(data, 'evil'))
      let swapping = true
      const swapper = (async () => {
        while (swapping) {
          renameSync(join(data, 'sub'), join(data, 'kept'))
          renameSync(join(data, 'evil'), join(data, 'sub'))
          await new Promise(resolve => setImmediate(resolve))
          renameSync(join(data, 'sub'), join(data, 'evil'))
          renameSync(join(data, 'kept'), join(data, 'sub'))
          await new Promise(resolve => setImmediate(resolve))
        }
      })()
      const command = [
        'run',
        '--rm',
        '--network',
        'none',
        '--mount',
        'type=volume,src=swapped,dst=/s,volume-subpath=sub',
      ]
      const seen = new Set<string>()
      for (let i = 0; i < 12; i++) {
        const { stdout } = await run(daemon, tool, [...command, 'busybox', 'cat', '/s/os-release'])
        seen.add(stdout.trim())
      }
      swapping = false
      await swapper
      unlinkSync(join(data, 'evil'))
      seen.delete('')
      assert.deepEqual(
        [...seen].filter(text => text !== 'volume'),
        [],
      )
    })

    test('volumes-from, nocopy, and copy-up with owner and mode', async () => {
      await $(
        'run',
        '--name',
        'base',
        'busybox',
        'sh',
        '-c',
        'mkdir -m 1750 /data; echo x > /data/f; chown -R 33:34 /data',
      )
      await $('commit', 'base', `filled-${tool}`)
      const image = `filled-${tool}`
      assert.equal(await once('-v', 'up:/data', image, 'stat', '-c', '%a %u:%g', '/data'), '1750 33:34')
      assert.equal(await once('-v', 'bare:/data:nocopy', image, 'ls', '/data'), '')
      const noCopy = 'type=volume,src=bare2,dst=/data,volume-nocopy'
      assert.equal(await once('--mount', noCopy, image, 'ls', '/data'), '')
      await $('create', '--name', 'lender', '-v', 'up:/data', '-v', '/anonymous', image, 'true')
      assert.match(
        await once(
          '--volumes-from',
          'lender:ro',
          'busybox',
          'sh',
          '-c',
          'cat /data/f; touch /data/y 2>&1; ls -d /anonymous',
        ),
        /^x\n.*Read-only.*\n\/anonymous$/,
      )
      await $('rm', '-v', 'lender')
    })

    test("what cannot be is refused in Docker's words", async () => {
      const bad: [RegExp, ...string[]][] = [
        [/bind source path does not exist: \/absent/, '--mount', 'type=bind,src=/absent,dst=/x'],
        [/mount path must be absolute/, '-v', 'data:relative'],
        [/destination can't be '\/'|invalid specification: destination can't be '\/'/, '-v', 'data:/'],
        [/Duplicate mount point: \/x/, '-v', 'one:/x', '-v', 'two:/x'],
        [/invalid mode: bogus|invalid volume specification/, '-v', 'data:/x:bogus'],
        [/includes invalid characters for a local volume name/, '-v', 'da ta:/x'],
      ]
      for (const [words, ...args] of bad) await fails(words, ...args, 'busybox', 'true')
    })
  })
}
