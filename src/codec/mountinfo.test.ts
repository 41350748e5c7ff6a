import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseMountInfo, unescapeOctal } from './mountinfo.ts'

test('lines with none, one and several optional fields', () => {
  const text = [
    '22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw',
    '40 22 0:33 / /run/my\\040dir\\134x rw,nosuid shared:2 master:1 - tmpfs tmp\\040fs rw,size=1k,mode=755',
    '41 22 0:34 /sub /mnt ro - nfs4 10.0.0.1:/export rw,vers=4.2',
    '',
  ].join('\n')
  const mounts = parseMountInfo(text)
  assert.equal(mounts.length, 3)
  assert.deepEqual(mounts[1], {
    id: 40,
    parentId: 22,
    device: '0:33',
    root: '/',
    mountPoint: '/run/my dir\\x',
    options: ['rw', 'nosuid'],
    propagation: ['shared:2', 'master:1'],
    type: 'tmpfs',
    source: 'tmp fs',
    superOptions: ['rw', 'size=1k', 'mode=755'],
  })
  assert.deepEqual([mounts[2]!.propagation, mounts[2]!.root, mounts[2]!.source], [[], '/sub', '10.0.0.1:/export'])
})

test('lines of another form are skipped', () => {
  assert.deepEqual(parseMountInfo('garbage\n1 2 3 - x\n'), [])
})

test('octal escapes', () => {
  assert.equal(unescapeOctal('a\\040b\\011c\\012d\\134e'), 'a b\tc\nd\\e')
  assert.equal(unescapeOctal('\\8 stays'), '\\8 stays')
})
