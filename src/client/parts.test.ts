import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import test from 'node:test'
import { compareVersions, describeEndpoint, parseHost, registryOf, splitReference } from './index.ts'
import { frames } from './frames.ts'

test('hosts', () => {
  assert.deepEqual(parseHost('unix:///a/b.sock'), { kind: 'unix', path: '/a/b.sock' })
  assert.deepEqual(parseHost('tcp://h:1234'), { kind: 'tcp', host: 'h', port: 1234, basePath: '' })
  assert.deepEqual(parseHost('tcp://[::1]:1'), { kind: 'tcp', host: '::1', port: 1, basePath: '' })
  assert.equal(describeEndpoint(parseHost('tcp://h')), 'tcp://h:2375')
  assert.throws(() => parseHost('ftp://x'), /unable to parse docker host/)
  assert.throws(() => parseHost('tcp://h', { verify: true, ca: '/nonexistent/ca.pem' }), /could not read the TLS file/)
})

test('references', () => {
  assert.deepEqual(splitReference('busybox'), { repository: 'busybox' })
  assert.deepEqual(splitReference('h:5000/a'), { repository: 'h:5000/a' })
  assert.deepEqual(splitReference('h:5000/a:b'), { repository: 'h:5000/a', tag: 'b' })
  assert.deepEqual(splitReference('a:t@sha256:00'), { repository: 'a', tag: 'sha256:00' })
  assert.equal(registryOf('busybox'), 'docker.io')
  assert.equal(registryOf('user/app'), 'docker.io')
  assert.equal(registryOf('localhost/app'), 'localhost')
  assert.equal(registryOf('h:5000/app'), 'h:5000')
})

test('versions compare by number', () => {
  assert.equal(compareVersions('1.9', '1.24'), -1)
  assert.equal(compareVersions('1.51', '1.51'), 0)
  assert.equal(compareVersions('2.0', '1.99'), 1)
})

test("frames: any chunking gives the same bytes, an error frame throws the daemon's words", async () => {
  const header = (stream: number, length: number) => Buffer.from([stream, 0, 0, 0, 0, 0, 0, length])
  const whole = Buffer.concat([
    header(1, 3),
    Buffer.from('abc'),
    header(2, 2),
    Buffer.from('de'),
    header(1, 1),
    Buffer.from('f'),
  ])
  for (let size = 1; size <= whole.length; size++) {
    const chunks: Buffer[] = []
    for (let at = 0; at < whole.length; at += size) chunks.push(whole.subarray(at, at + size))
    const text = { stdout: '', stderr: '' }
    for await (const { stream, data } of frames(Readable.from(chunks))) text[stream] += data.toString()
    assert.deepEqual(text, { stdout: 'abcf', stderr: 'de' })
  }
  const failing = Readable.from([Buffer.concat([header(3, 4), Buffer.from('boom')])])
  await assert.rejects(async () => {
    for await (const _ of frames(failing));
  }, /error from daemon in stream: boom/)
})
