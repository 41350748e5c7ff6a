import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { extract } from 'tar-stream'
import { parseSources, sourcesFor } from './apt-sources.ts'
import { isStatic } from './elf.ts'
import { HostBootstrap } from './index.ts'
import type { Readable } from 'node:stream'

async function entriesOf(tar: Readable) {
  const entries = extract()
  const hash = createHash('sha256')
  tar.on('data', (part: Buffer) => hash.update(part))
  tar.pipe(entries)
  const found = new Map<string, { type: string; mode: number; uid: number; link: string; text: string }>()
  for await (const entry of entries) {
    const { name, type, mode, uid, linkname, size } = entry.header
    const parts: Buffer[] = []
    for await (const part of entry) parts.push(part as Buffer)
    const text = size! < 1000 ? Buffer.concat(parts).toString() : ''
    found.set(name, { type: type!, mode: mode!, uid: uid!, link: linkname ?? '', text })
  }
  return { found, digest: hash.digest('hex') }
}

const build = (request: Parameters<HostBootstrap['build']>[0]) => new HostBootstrap().build(request, () => {})

describe('busybox', () => {
  it('is a small root of one binary, the same each time', async () => {
    const made = await build({ image: 'busybox' })
    const { found, digest } = await entriesOf(made.rootfs)
    assert.equal(found.get('bin/busybox')!.type, 'file')
    for (const name of ['sh', 'ls', 'nc', 'httpd', 'wget', '['])
      assert.equal(found.get(`bin/${name}`)?.link, 'bin/busybox', name)
    assert.equal(found.get('tmp/')?.mode ?? found.get('tmp')?.mode, 0o1777)
    assert.match(found.get('etc/passwd')!.text, /^root:x:0:0:/)
    assert.deepEqual([made.cmd, made.env.length], [['sh'], 1])
    const again = await build({ image: 'busybox' })
    assert.equal((await entriesOf(again.rootfs)).digest, digest)
    assert.equal(again.created, made.created)
  })

  it('takes files of the host, owned by root', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'berth-test-'))
    try {
      await writeFile(join(directory, 'a.txt'), 'hello', { mode: 0o640 })
      const copy = [
        { hostPath: join(directory, 'a.txt'), imagePath: '/srv/www/index.html' },
        { hostPath: directory, imagePath: '/opt/tree' },
      ]
      const { found } = await entriesOf((await build({ image: 'busybox', copy })).rootfs)
      const file = found.get('srv/www/index.html')!
      assert.deepEqual([file.text, file.mode, file.uid], ['hello', 0o640, 0])
      assert.equal(found.get('opt/tree/a.txt')!.text, 'hello')
      const bad = (imagePath: string, hostPath = directory) =>
        build({ image: 'busybox', copy: [{ hostPath, imagePath }] })
      await assert.rejects(bad('/../etc/x'), { kind: 'invalid' })
      await assert.rejects(bad('x'), { kind: 'invalid' })
      await assert.rejects(bad('/x', join(directory, 'nope')), { kind: 'not-found' })
    } finally {
      await rm(directory, { recursive: true })
    }
  })

  it('says what it cannot do', async () => {
    await assert.rejects(build({ image: 'busybox', include: ['curl'] }), {
      kind: 'invalid',
      message: /takes no packages/,
    })
    await assert.rejects(build({ image: 'alpine:3' }), { kind: 'invalid', message: /known are busybox, debian/ })
    await assert.rejects(build({ image: 'ubuntu:nosuch' }), {
      kind: 'not-found',
      message: /no apt source of this host/,
    })
    await assert.rejects(build({ image: 'debian:../x' }), { kind: 'invalid', message: /invalid debian suite/ })
    await assert.rejects(build({ image: 'debian:sid', include: ['a;b'] }), { kind: 'invalid', message: /package name/ })
  })

  it('knows a static program', async () => {
    assert.equal(await isStatic('/bin/busybox'), true)
    assert.equal(await isStatic('/bin/bash'), false)
    assert.equal(await isStatic('/etc/passwd'), false)
    assert.equal(await isStatic('/nowhere'), false)
  })
})

const SOURCES = `
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian.gpg

# Security
Types: deb
URIs: http://mirror.example/security
Suites: bookworm-security
Components: main contrib

Enabled: no
Types: deb
URIs: http://off.example
Suites: bookworm
Components: main

Types: deb
URIs: https://other.example
Suites: nodistro
Components: main
`

describe('apt sources', () => {
  it('are those of the host for its own suite', () => {
    assert.deepEqual(sourcesFor('bookworm', 'bookworm', parseSources(SOURCES)), [
      'deb [signed-by=/usr/share/keyrings/debian.gpg] http://mirror.example/debian bookworm main',
      'deb [signed-by=/usr/share/keyrings/debian.gpg] http://mirror.example/debian bookworm-updates main',
      'deb http://mirror.example/security bookworm-security main contrib',
    ])
  })

  it('are carried over to another suite, without updates for a rolling one', () => {
    const sources = parseSources(SOURCES)
    assert.equal(
      sourcesFor('trixie', 'bookworm', sources)[2],
      'deb http://mirror.example/security trixie-security main contrib',
    )
    assert.equal(sourcesFor('sid', 'bookworm', sources).length, 1)
    assert.deepEqual(sourcesFor('noble', 'jammy', sources), [])
  })

  it('are read from one-line files too', () => {
    const text =
      '# x\ndeb [arch=amd64 signed-by=/k.gpg] http://a/debian bookworm main contrib # note\ndeb-src http://a b c\n'
    const expected = { uri: 'http://a/debian', suite: 'bookworm', components: ['main', 'contrib'], signedBy: '/k.gpg' }
    assert.deepEqual(parseSources(text), [expected])
  })
})
