import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isRemote, parsePlace, splitObjectUrl } from './url.ts'

test('places', () => {
  assert.deepEqual(parsePlace('/srv/backups'), { kind: 'directory', path: '/srv/backups/' })
  assert.deepEqual(parsePlace('file:///srv/my%20backups/'), { kind: 'directory', path: '/srv/my backups/' })
  assert.deepEqual(parsePlace('ssh://host/srv/b'), { kind: 'ssh', host: 'host', path: '/srv/b/' })
  assert.deepEqual(parsePlace('ssh://me@host:2222/~/b%20c/'), {
    kind: 'ssh',
    user: 'me',
    host: 'host',
    port: 2222,
    path: './b c/',
  })
  assert.deepEqual(parsePlace('ssh://[fd00::1]/'), { kind: 'ssh', host: 'fd00::1', path: '/' })
  assert.deepEqual(parsePlace('s3://bucket'), { kind: 's3', bucket: 'bucket', prefix: '' })
  assert.deepEqual(parsePlace('s3://my.bucket/a/b#1'), { kind: 's3', bucket: 'my.bucket', prefix: 'a/b#1/' })
})

test('what is none', () => {
  const cases: [string, RegExp][] = [
    ['relative', /absolute path or a URL/],
    ['ftp://host/x', /unsupported place ftp:\/\/: use a directory, ssh:\/\/user@host\/path or s3:/],
    ['s3://', /invalid bucket/],
    ['s3://a b/c', /invalid bucket "a b"/],
    ['ssh:///path', /no URL|invalid host/],
    ['ssh://-oProxyCommand=x/path', /invalid host/],
    ['ssh://me:secret@host/path', /passwords do not belong/],
    ['file://host/path', /three slashes/],
  ]
  for (const [url, words] of cases) assert.throws(() => parsePlace(url), words, url)
})

test('place and name', () => {
  assert.deepEqual(splitObjectUrl('s3://bucket/dir/a.tar'), { place: 's3://bucket/dir/', name: 'a.tar' })
  assert.deepEqual(splitObjectUrl('/srv/a.tar'), { place: '/srv/', name: 'a.tar' })
  for (const url of ['s3://bucket', 's3://bucket/', 'ssh://host', '/srv/']) {
    assert.throws(() => splitObjectUrl(url), /names no file/, url)
  }
  assert.deepEqual(
    [isRemote('s3://b/k'), isRemote('/a'), isRemote('file:///a'), isRemote('a:b')],
    [true, false, false, false],
  )
})
