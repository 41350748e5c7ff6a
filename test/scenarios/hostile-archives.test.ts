import assert from 'node:assert/strict'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { TarEntry } from '#codec/tar/index.ts'
import { call, type Answer } from '#http/testing/test-server.ts'
import { TestDaemon } from '../support/daemon.ts'
import { faultsIn } from '../support/state.ts'
import { run } from '../support/tools.ts'
import { archive, member } from './bad-input-table.ts'

const daemon = new TestDaemon()
const { containers } = daemon.client
/** What no archive and no container may read or change. */
const outside = mkdtempSync(join(tmpdir(), 'berth-outside-'))
const SECRET = 'the secret of the host'
const TAR = { 'Content-Type': 'application/x-tar' }

before(async () => {
  writeFileSync(join(outside, 'secret'), SECRET, { mode: 0o600 })
  mkdirSync(join(outside, 'directory'))
  await daemon.start()
  await daemon.loadBusybox()
  await daemon.client.volumes.create({ Name: 'vol' })
  for (const name of ['runs', 'stopped']) {
    const { Id } = await containers.create(
      { Image: 'busybox', Cmd: ['sleep', '3600'], HostConfig: { StopTimeout: 0, Binds: ['vol:/vol'] } } as never,
      { name },
    )
    daemon.seen.add(Id)
  }
  await containers.start('runs')
})
after(async () => {
  await daemon.dispose()
  rmSync(outside, { recursive: true })
})

type Over = Partial<TarEntry> & { name: string; content?: string }
const tarOf = (...members: Over[]) => archive(...members.map(({ content, ...over }) => member(over, content)))
const put = (name: string, path: string, tar: Buffer): Promise<Answer> =>
  call(daemon.socket, 'PUT', `/containers/${name}/archive?path=${encodeURIComponent(path)}`, tar, TAR)
const get = (name: string, path: string): Promise<Answer> =>
  call(daemon.socket, 'GET', `/containers/${name}/archive?path=${encodeURIComponent(path)}`)

function untouched(what: string): void {
  assert.equal(readFileSync(join(outside, 'secret'), 'utf8'), SECRET, what)
  assert.deepEqual(readdirSync(outside).toSorted(), ['directory', 'secret'], what)
  assert.deepEqual(readdirSync(join(outside, 'directory')), [], what)
  assert.equal(lstatSync(join(outside, 'secret')).nlink, 1, what)
  assert.equal(existsSync('/berth-hostile'), false, what)
}

const inside = (text: string) => run(daemon, 'docker', ['exec', 'runs', 'sh', '-c', text])

/** Archives that try to leave, and for `docker cp` how they are answered. */
const up = '../'.repeat(20)
const hostile: [what: string, members: Over[], statuses: number[]][] = [
  ['a name with ..', [{ name: `${up}berth-hostile`, content: 'x' }], [400]],
  ['a name with .. to the secret', [{ name: `${up}${outside.slice(1)}/secret`, content: 'x' }], [400]],
  // Docker unpacks it below the root of the archive, too.
  ['an absolute name', [{ name: '/berth-hostile', content: 'x' }], [200]],
  ['an absolute name to the secret', [{ name: `${outside}/secret`, content: 'x' }], [200]],
  [
    'a symlink, then a write through it',
    [
      { name: 'link', type: 'symlink', linkName: outside },
      { name: 'link/evil', content: 'x' },
      { name: 'link/secret', content: 'x' },
    ],
    [200, 400],
  ],
  [
    'a relative symlink, then a write through it',
    [
      { name: 'rel', type: 'symlink', linkName: `${up}${outside.slice(1)}` },
      { name: 'rel/evil', content: 'x' },
    ],
    [200, 400],
  ],
  [
    'a symlink to the secret, then a file of its name',
    [
      { name: 'secret', type: 'symlink', linkName: `${outside}/secret` },
      { name: 'secret', content: 'x' },
    ],
    [200],
  ],
  [
    'a symlink to a directory, then a directory of its name with other rights',
    [
      { name: 'dir', type: 'symlink', linkName: `${outside}/directory` },
      { name: 'dir', type: 'directory', mode: 0o777 },
      { name: 'dir/evil', content: 'x' },
    ],
    [200],
  ],
  ['a hard link with ..', [{ name: 'hard', type: 'link', linkName: `${up}${outside.slice(1)}/secret` }], [400]],
  ['an absolute hard link', [{ name: 'hard', type: 'link', linkName: `${outside}/secret` }], [200, 400]],
  [
    'a hard link through a symlink, then a write to it',
    [
      { name: 'way', type: 'symlink', linkName: outside },
      { name: 'hard2', type: 'link', linkName: 'way/secret' },
      { name: 'hard2', content: 'x' },
    ],
    [200, 400],
  ],
  [
    'a whiteout of what is outside',
    [
      { name: 'wh', type: 'symlink', linkName: outside },
      { name: 'wh/.wh.secret' },
      { name: 'wh/.wh..wh..opq' },
      { name: '.wh...' },
      { name: '.wh..' },
    ],
    [200, 400],
  ],
  ['a name of 5,000 bytes', [{ name: 'n'.repeat(5000), content: 'x' }], [400]],
  ['a path of 5,000 bytes', [{ name: `${'d/'.repeat(2500)}x`, content: 'x' }], [200, 400]],
  ['a link to 5,000 bytes', [{ name: 'long', type: 'symlink', linkName: 'n'.repeat(5000) }], [400]],
  [
    'a symlink loop',
    [
      { name: 'l1', type: 'symlink', linkName: 'l2' },
      { name: 'l2', type: 'symlink', linkName: 'l1' },
      { name: 'l1/x', content: 'x' },
    ],
    [400],
  ],
]

test('archives that try to leave: through cp, import and load nothing outside is touched', async () => {
  const wrong: string[] = []
  for (const [what, members, statuses] of hostile) {
    const tar = tarOf(...members)
    for (const name of ['runs', 'stopped']) {
      for (const path of ['/tmp', '/vol', '/']) {
        const { status, text } = await put(name, path, tar)
        if (!statuses.includes(status)) wrong.push(`cp to ${path} of ${name}: ${what}: ${status} ${text.slice(0, 200)}`)
        untouched(`cp: ${what}`)
      }
    }
    const imported = await call(daemon.socket, 'POST', '/images/create?fromSrc=-&repo=evil&tag=1', tar, TAR)
    if (imported.status >= 500) wrong.push(`import: ${what}: ${imported.status} ${imported.text.slice(0, 200)}`)
    untouched(`import: ${what}`)
    // The same layer, and the layer below it has the link.
    const loaded = await call(daemon.socket, 'POST', '/images/load', tar, TAR)
    if (loaded.status !== 400) wrong.push(`load: ${what}: ${loaded.status} ${loaded.text.slice(0, 200)}`)
    untouched(`load: ${what}`)
  }
  assert.deepEqual(wrong, [])
  assert.deepEqual(faultsIn(daemon.log), [])
})

test('setuid and device nodes arrive as the archive has them, where the container may use them only as it may', async () => {
  const tar = tarOf(
    { name: 'setuid', content: 'x', mode: 0o4755 },
    { name: 'disk', type: 'block', mode: 0o666, major: 259, minor: 0 },
    { name: 'kmem', type: 'char', mode: 0o666, major: 1, minor: 1 },
  )
  assert.equal((await put('runs', '/tmp', tar)).status, 200)
  const { stdout } = await inside('stat -c "%a %F" /tmp/setuid; head -c 1 /tmp/disk 2>&1; head -c 1 /tmp/kmem 2>&1')
  assert.match(stdout, /^4755 regular file/)
  assert.match(stdout, /disk: Operation not permitted/)
  assert.match(stdout, /kmem: Operation not permitted/)
})

test('links that a container makes lead archives nowhere else', async () => {
  const links: [string, string][] = [
    ['/abs', outside],
    ['/rel', `${up}${outside.slice(1)}`],
    ['/secret', `${outside}/secret`],
    ['/vol/abs', outside],
    ['/vol/rel', `${up}${outside.slice(1)}`],
    ['/vol/secret', `${outside}/secret`],
    ['/loop', '/loop'],
    ['/root-of-1', '/proc/1/root'],
    ['/cwd-of-1', '/proc/1/cwd'],
  ]
  for (const [path, target] of links) assert.equal((await inside(`ln -sfn ${target} ${path}`)).code, 0, path)
  const tar = tarOf({ name: 'evil', content: 'x' }, { name: 'secret', content: 'x' })
  for (const [path] of links) {
    for (const asked of [path, `${path}/`, `${path}/.`, `${path}/secret`, `${path}/..${outside}/secret`]) {
      for (const method of ['GET', 'HEAD', 'PUT']) {
        const url = `/containers/runs/archive?path=${encodeURIComponent(asked)}`
        const { status, text } = await call(daemon.socket, method, url, method === 'PUT' ? tar : undefined, TAR)
        assert.ok(status < 500, `${method} ${asked}: ${status} ${text.slice(0, 200)}`)
        assert.doesNotMatch(text, new RegExp(SECRET), `${method} ${asked}`)
        untouched(`${method} ${asked}`)
      }
    }
  }
  for (const path of [
    '/proc/1/root/etc/hostname',
    '/proc/self/root',
    '/proc/1/root/../../etc/shadow',
    '/sys/kernel',
    '/dev/sda',
  ]) {
    const { status } = await get('runs', path)
    assert.ok(status === 404 || status === 400 || status === 200, `${path}: ${status}`)
  }
  assert.deepEqual(faultsIn(daemon.log), [])
})

test('a subpath that is a link of the volume stays in the volume', async () => {
  assert.equal((await inside(`ln -sfn ${outside} /vol/sub; mkdir -p /vol/real`)).code, 0)
  const mount = (Subpath: string) => ({ Type: 'volume', Source: 'vol', Target: '/x', VolumeOptions: { Subpath } })
  for (const [name, subpath] of [
    ['sub', 'sub'],
    ['deeper', 'sub/directory'],
  ] as const) {
    const request = { Image: 'busybox', Cmd: ['sleep', '1'], HostConfig: { Mounts: [mount(subpath)] } }
    const { Id } = await containers.create(request as never, { name })
    const read = await get(name, '/x/secret')
    assert.doesNotMatch(read.text, new RegExp(SECRET))
    await get(name, '/x')
    await put(name, '/x', tarOf({ name: 'evil', content: 'x' }))
    untouched(`cp through ${subpath}`)
    // The path may be there in the volume, where it is then mounted from.
    const { status } = await call(daemon.socket, 'POST', `/containers/${Id}/start`)
    assert.ok(status < 500, `start: ${status}`)
    const { text } = await get(name, '/x/secret')
    assert.doesNotMatch(text, new RegExp(SECRET))
    untouched(`start with ${subpath}`)
    await containers.remove(Id, { force: true })
  }
  assert.deepEqual(faultsIn(daemon.log), [])
})

test('links of an image in the places that the engine itself reads and writes', async () => {
  const link = (name: string, linkName: string) => member({ name, type: 'symlink', linkName })
  const rootfs = archive(
    member({ name: 'bin', type: 'directory', mode: 0o755 }),
    member({ name: 'bin/busybox', mode: 0o755 }, readFileSync('/usr/bin/busybox')),
    link('etc', outside),
    link('data', `${outside}/directory`),
    link('tmp', '/../../..'),
    link('dev', outside),
    link('proc', outside),
    link('sys', outside),
  )
  const made = await call(
    daemon.socket,
    'POST',
    '/images/create?fromSrc=-&repo=links&tag=1&changes=VOLUME%20/data',
    rootfs,
    TAR,
  )
  assert.equal(made.status, 200, made.text)
  for (const [what, config] of [
    ['plain', {}],
    ['a user', { User: 'someone' }],
    ['a working directory', { WorkingDir: '/data/work/deep' }],
    ['a tmpfs', { HostConfig: { Tmpfs: { '/data/t': '' } } }],
    ['a volume below the link', { HostConfig: { Binds: ['vol:/data/v'] } }],
  ] as const) {
    const { status, text } = await call(daemon.socket, 'POST', '/containers/create?name=links', {
      Image: 'links:1',
      Cmd: ['/bin/busybox', 'true'],
      ...config,
    })
    assert.equal(status, 201, text)
    // It may run or be refused; the host is what matters.
    await call(daemon.socket, 'POST', '/containers/links/start')
    for (const path of ['/etc/secret', '/data/secret', '/tmp', '/dev/secret']) {
      assert.doesNotMatch((await get('links', path)).text, new RegExp(SECRET), path)
    }
    await put('links', '/data', tarOf({ name: 'evil', content: 'x' }))
    await containers.remove('links', { force: true, volumes: true })
    untouched(what)
  }
})

test('a link that the host itself has put into a volume leads nowhere else', async () => {
  // A link of the host's own in the volume's directory is the host's business, and still leads into the volume.
  const volume = join(daemon.dataRoot, 'volumes', 'vol', '_data')
  symlinkSync(outside, join(volume, 'planted'))
  const { text } = await get('runs', '/vol/planted/secret')
  assert.doesNotMatch(text, new RegExp(SECRET))
  await put('stopped', '/vol/planted', tarOf({ name: 'evil', content: 'x' }))
  untouched('planted')
})

test('cp out of the root of a volume and of a bound file has their names in the container', async () => {
  const bound = join(outside, 'secret')
  const { Id } = await containers.create(
    { Image: 'busybox', HostConfig: { Binds: ['vol:/named', `${bound}:/in/file`] } } as never,
    { name: 'bound' },
  )
  for (const [path, first] of [
    ['/named', 'named/'],
    ['/named/', 'named/'],
    ['/bin/', 'bin/'],
    ['/bin/.', './'],
    ['/bin', 'bin/'],
    ['/named/.', './'],
    ['/named/real', 'real/'],
    ['/in/file', 'file'],
  ] as const) {
    const { status, text } = await get('bound', path)
    assert.equal(status, 200, `${path}: ${text.slice(0, 200)}`)
    assert.equal(text.slice(0, text.indexOf('\0')), first, path)
  }
  await containers.remove(Id)
})
