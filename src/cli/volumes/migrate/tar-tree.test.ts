import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import test from 'node:test'
import { encodeEnd, encodeEntry, encodePadding, type TarEntry } from '#codec/tar/index.ts'
import { TarTree } from './tar-tree.ts'

function member(part: Partial<TarEntry>, content = ''): Buffer {
  const entry: TarEntry = {
    name: '',
    type: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: content.length,
    mtime: { seconds: 1000, nanos: 0 },
    linkName: '',
    major: 0,
    minor: 0,
    xattrs: undefined,
    ...part,
  }
  const stored = entry.data ? entry.data.reduce((sum, [, length]) => sum + length, 0) : entry.size
  return Buffer.concat([encodeEntry(entry), Buffer.from(content), encodePadding(stored)])
}
/** In pieces of 100 bytes. */
async function tree(...members: Buffer[]): Promise<TarTree> {
  const all = Buffer.concat([...members, encodeEnd(), Buffer.from('what follows the end')])
  const pieces = Array.from({ length: Math.ceil(all.length / 100) }, (_, i) => all.subarray(i * 100, i * 100 + 100))
  return new TarTree().read(Readable.from(pieces))
}
const root = (name: string) => member({ name, type: 'directory', mode: 0o755 })

test('alike: another root, another first name of a hard link, holes or zeros, parts of a second', async () => {
  const ours = await tree(
    root('./'),
    member({ name: './a', mtime: { seconds: 1000, nanos: 5 } }, 'same'),
    member({ name: './b', type: 'link', linkName: './a' }),
    member({ name: './sparse', size: 12, data: [[4, 3]] }, 'abc'),
  )
  const theirs = await tree(
    root('volume/'),
    member({ name: 'volume/b' }, 'same'),
    member({ name: 'volume/a', type: 'link', linkName: 'volume/b' }),
    member({ name: 'volume/sparse' }, '\0\0\0\0abc\0\0\0\0\0'),
  )
  assert.deepEqual(ours.differences(theirs), [])
  assert.equal(ours.digest(), theirs.digest())
  assert.equal(ours.files, 4)
  assert.equal(ours.root!.mode, 0o755)
})

test('every difference is named', async () => {
  const ours = await tree(root('./'), member({ name: './a' }, 'one'), member({ name: './gone' }, 'x'))
  const other = await tree(root('./'), member({ name: './a', uid: 7 }, 'one'), member({ name: './new' }, 'x'))
  const [owner, missing, more] = ours.differences(other)
  assert.match(owner!, /^a differs \(file 644 0:0 1000 .*, there file 644 7:0 1000/)
  assert.deepEqual([missing, more], ['gone is missing', 'new is there too'])
  const copied = await tree(root('./'), member({ name: './a' }, 'x'), member({ name: './b' }, 'x'))
  const linked = await tree(
    root('./'),
    member({ name: './a' }, 'x'),
    member({ name: './b', type: 'link', linkName: './a' }),
  )
  assert.equal(copied.differences(linked).length, 2)
})
