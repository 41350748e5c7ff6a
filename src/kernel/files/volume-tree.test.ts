import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { volumeTreeSuite } from '#ports/volume-tree.suite.ts'
import { HostVolumeTrees } from './volume-tree.ts'

const trees = new HostVolumeTrees()
const make = async () => {
  const root = fs.mkdtempSync(join(tmpdir(), 'berth-tree-'))
  return { root, tree: await trees.open(root), dispose: () => fs.rmSync(root, { recursive: true, force: true }) }
}
volumeTreeSuite('host', make)

test('symlinks are followed inside the volume only; what is no file is told', async () => {
  const { root, tree, dispose } = await make()
  const outside = await make()
  try {
    fs.writeFileSync(join(outside.root, 'secret'), 'secret')
    fs.mkdirSync(join(root, 'd'))
    fs.writeFileSync(join(root, 'd/file'), 'inside')
    fs.symlinkSync('d/file', join(root, 'good'))
    fs.symlinkSync('d', join(root, 'good-directory'))
    fs.symlinkSync('..', join(root, 'd/loop'))
    fs.symlinkSync(join(outside.root, 'secret'), join(root, 'out'))
    fs.symlinkSync(outside.root, join(root, 'out-directory'))
    fs.symlinkSync('/dev/zero', join(root, 'device-link'))
    fs.symlinkSync('nowhere', join(root, 'broken'))
    fs.symlinkSync('itself', join(root, 'itself'))
    spawnSync('mkfifo', [join(root, 'pipe')])
    fs.writeFileSync(Buffer.concat([Buffer.from(`${root}/bad-`), Buffer.from([0xff])]), 'x')
    fs.writeFileSync(join(root, 'new\nline'), 'x')
    const server = createServer().listen(join(root, 'socket')).unref()
    await new Promise(resolve => server.once('listening', resolve))
    const files: string[] = []
    const skipped: Record<string, string> = {}
    for await (const entry of tree.walk()) {
      if ('file' in entry) files.push(entry.file.path)
      else skipped[entry.skipped] = entry.reason
    }
    server.close()
    assert.deepEqual(files, ['d/file', 'good', 'good-directory/file'])
    assert.match(skipped['out']!, /leads nowhere in the volume/)
    for (const [path, words] of Object.entries({
      'bad-\ufffd': /not UTF-8/,
      broken: /leads nowhere/,
      'd/loop': /directory above it/,
      'device-link': /leads nowhere/,
      itself: /leads nowhere/,
      'new\nline': /control characters/,
      'out-directory': /leads nowhere/,
      pipe: /a pipe, not a file/,
      socket: /a socket, not a file/,
    })) {
      assert.match(skipped[path] ?? 'not told', words, path)
    }
    assert.equal(await text((await tree.read('good')).content), 'inside')
    await assert.rejects(tree.read('out'), /leads out of the volume/)
    await assert.rejects(tree.read('out-directory/secret'), /leads out of the volume/)
    await assert.rejects(tree.read('pipe'), /no regular file/)
    const evil = () => Readable.from([Buffer.from('evil')], { objectMode: false })
    await assert.rejects(tree.write('out-directory/new', evil(), { modified: 1 }), /leads out of the volume/)
    await assert.rejects(tree.write('out-directory/sub/new', evil(), { modified: 1 }), /leads out of the volume/)
    await tree.remove('out-directory/secret')
    // A link in the place of a file is replaced, not written through.
    await tree.write('out', evil(), { modified: 1 })
    assert.equal(fs.readFileSync(join(root, 'out'), 'utf8'), 'evil')
    assert.deepEqual(fs.readdirSync(outside.root), ['secret'])
    assert.equal(fs.readFileSync(join(outside.root, 'secret'), 'utf8'), 'secret')
  } finally {
    await tree.close()
    await outside.tree.close()
    dispose()
    outside.dispose()
  }
})

test('parts of a killed writer go with the next walk; new directories belong to the owner of the one above', async () => {
  const { root, tree, dispose } = await make()
  try {
    fs.writeFileSync(join(root, '.berth-sync-0123456789abcdef'), 'half')
    fs.chownSync(root, 7, 8)
    await tree.write('a/b/c', Readable.from([Buffer.from('x')], { objectMode: false }), { modified: 1 })
    for (const path of ['a', 'a/b', 'a/b/c']) {
      const { uid, gid } = fs.statSync(join(root, path))
      assert.deepEqual([uid, gid], [7, 8], path)
    }
    for await (const entry of tree.walk()) assert.ok('file' in entry && entry.file.path === 'a/b/c')
    assert.deepEqual(fs.readdirSync(root), ['a'])
  } finally {
    await tree.close()
    dispose()
  }
})
