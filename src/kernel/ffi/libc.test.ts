import assert from 'node:assert/strict'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { BerthError } from '#lib/errors.ts'
import { errnoName, hasErrno } from './errno.ts'
import * as libc from './libc.ts'

test('a file is opened, read and closed', () => {
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'berth-libc-')), 'f')
  const fd = libc.open(file, libc.O_RDWR | fs.constants.O_CREAT, 0o600)
  libc.write(fd, Buffer.from('hello'))
  libc.close(fd)
  const again = libc.open(file, libc.O_RDONLY)
  const buffer = Buffer.alloc(16)
  assert.equal(libc.read(again, buffer), 5)
  assert.equal(buffer.toString('utf8', 0, 5), 'hello')
  libc.close(again)
  fs.rmSync(path.dirname(file), { recursive: true })
})

test('a failure carries the name of its errno', () => {
  assert.throws(
    () => libc.open('/nonexistent/x', libc.O_RDONLY),
    (error: unknown) =>
      error instanceof BerthError &&
      error.kind === 'system' &&
      hasErrno(error, 'ENOENT') &&
      error.message === 'open /nonexistent/x: no such file or directory',
  )
  assert.throws(() => libc.close(-1), { message: /EBADF/ })
})

test('a failure on a pool thread carries its errno too', async () => {
  await assert.rejects(libc.umount2Async('/nonexistent/x'), (error: unknown) => hasErrno(error, 'ENOENT'))
  await assert.rejects(libc.recvAsync(-1, Buffer.alloc(1)), (error: unknown) => hasErrno(error, 'EBADF'))
})

test('names of errno values are the well-known ones', () => {
  assert.equal(errnoName(11), 'EAGAIN')
  assert.equal(errnoName(95), 'EOPNOTSUPP')
  assert.equal(errnoName(98), 'EADDRINUSE')
  assert.equal(errnoName(4000), 'E4000')
})

test('pidfd of a live and of an absent process', () => {
  libc.close(libc.pidfdOpen(process.pid))
  assert.throws(
    () => libc.pidfdOpen(4_194_303),
    (error: unknown) => hasErrno(error, 'ESRCH'),
  )
})

test('file system figures are plausible', () => {
  const figures = libc.statfs('/')
  assert.ok(figures.total > figures.avail && figures.avail > 0)
  assert.equal(figures.blockSize, fs.statfsSync('/').bsize)
})
