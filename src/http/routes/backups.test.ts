import assert from 'node:assert/strict'
import { PassThrough, Readable } from 'node:stream'
import { test } from 'node:test'
import type { NewSchedule, StartBackup, StartRestore } from '#engine/backups/index.ts'
import { conflict, system } from '#lib/errors.ts'
import type { RestoreProgress } from '#model/backup.ts'
import { WITH_BASE } from '#wire/backups.ts'
import { testServer } from '../testing/test-server.ts'

const progress = (part: Partial<RestoreProgress> = {}): RestoreProgress => ({
  ...{ id: 'r1', state: 'open', offset: 0, files: 0, bytes: 0 },
  ...part,
})

test('a backup is a stream with its id in front; a base comes with the request', async () => {
  const asked: StartBackup[] = []
  await using api = await testServer({
    backups: {
      start: async request => {
        asked.push(request)
        return {
          id: 'b1',
          createdAt: '2026-01-02T03:04:05Z',
          totalBytes: 7,
          stream: Readable.from([Buffer.from('tar')]),
        }
      },
    },
  })
  const path = '/berth/volumes/backup'
  const { status, headers, text } = await api.call('POST', path, {
    Volumes: ['data'],
    Format: 'gzip',
    Level: 9,
    NoHooks: true,
  })
  assert.deepEqual(
    [status, headers['berth-backup-id'], headers['berth-backup-created'], headers['berth-backup-bytes'], text],
    [200, 'b1', '2026-01-02T03:04:05Z', '7', 'tar'],
  )
  assert.deepEqual(asked[0], { volumes: ['data'], format: 'gzip', level: 9, pause: false, hooks: false })
  const body = Buffer.concat([Buffer.from('{"Volumes":["data"],"Pause":true}\n'), Buffer.from([0, 10, 255])])
  assert.equal((await api.call('POST', path, body, { 'Content-Type': WITH_BASE })).status, 200)
  assert.deepEqual(asked[1], {
    volumes: ['data'],
    format: 'zstd',
    pause: true,
    hooks: true,
    base: Buffer.from([0, 10, 255]),
  })
  for (const [wrong, words] of [
    [{ Volumes: ['data'], Format: 'rar' }, /invalid format .*rar.*use zstd, gzip or tar/],
    [{ Volumes: ['data'], Level: 20 }, /zstd has levels from 1 to 19/],
    [{ Volumes: 'data' }, /field Volumes/],
    [{ Volumes: ['data'], Repeat: { Id: 'x' } }, /invalid Repeat.Id/],
  ] as const) {
    const answer = await api.call('POST', path, wrong)
    assert.equal(answer.status, 400)
    assert.match(answer.text, words)
  }
  assert.equal((await api.call('POST', path, Buffer.from('no line'), { 'Content-Type': WITH_BASE })).status, 400)
  assert.equal(asked.length, 2)
})

test('a stream that fails breaks the connection: it has no end', async () => {
  await using api = await testServer({
    backups: {
      start: async () => {
        const stream = new PassThrough()
        stream.write('half')
        setImmediate(() => setImmediate(() => stream.destroy(system('the disk'))))
        return { id: 'b1', createdAt: '', totalBytes: -1, stream }
      },
    },
  })
  await assert.rejects(api.call('POST', '/berth/volumes/backup', { Volumes: ['data'] }))
})

test('a restore takes pieces at offsets', async () => {
  const log: unknown[] = []
  const taken = async (piece: Readable) => Buffer.concat(await piece.toArray()).toString()
  await using api = await testServer({
    backups: {
      openRestore: async (request: StartRestore) => {
        log.push(request)
        return progress()
      },
      feed: async (id, offset, piece) => {
        if (offset === 9) throw conflict('restore r1 goes on at byte 3, and not at 9')
        log.push([id, offset, await taken(piece)])
        return progress({ offset: offset + 3 })
      },
      restore: id => progress({ id, offset: 3 }),
      next: async id => progress({ id }),
      commit: async id => progress({ id, state: 'done', volumes: ['x'] }),
      abort: async id => void log.push(`abort ${id}`),
      digest: async volume => `digest of ${volume}`,
    },
  })
  const opened = await api.call('POST', '/berth/restores', { Rename: { a: 'x' }, Replace: true })
  assert.equal(opened.status, 201)
  const json = async (method: string, path: string, body?: Buffer) => {
    const { status, text } = await api.call(method, path, body)
    return [status, text && JSON.parse(text)] as [number, RestoreProgress & { message: string; Digest: string }]
  }
  assert.equal((await json('PUT', '/berth/restores/r1?offset=0', Buffer.from('abc')))[1].offset, 3)
  const [status, { message }] = await json('PUT', '/berth/restores/r1?offset=9', Buffer.from('abc'))
  assert.deepEqual([status, message], [409, 'restore r1 goes on at byte 3, and not at 9'])
  for (const offset of ['-1', 'x', '1.5']) {
    assert.equal((await json('PUT', `/berth/restores/r1?offset=${offset}`, Buffer.from('')))[0], 400)
  }
  assert.equal((await json('GET', '/berth/restores/r1'))[1].offset, 3)
  assert.equal((await json('POST', '/berth/restores/r1/next'))[1].state, 'open')
  assert.deepEqual((await json('POST', '/berth/restores/r1/commit'))[1].volumes, ['x'])
  assert.equal((await api.call('DELETE', '/berth/restores/r1')).status, 204)
  assert.equal((await json('GET', '/berth/volumes/a/digest'))[1].Digest, 'digest of a')
  assert.deepEqual(log, [
    { rename: { a: 'x' }, only: [], replace: true, foreign: false, verify: false },
    ['r1', 0, 'abc'],
    'abort r1',
  ])
})

test('schedules: what is missing is named', async () => {
  const added: NewSchedule[] = []
  await using api = await testServer({
    backups: {
      addSchedule: async request => {
        added.push(request)
        return { ...request, id: 's1', createdAt: '', since: '', runs: [] }
      },
    },
  })
  const add = (body: object) => api.call('POST', '/berth/schedules', body)
  assert.match((await add({ Volumes: ['a'], Target: '/x' })).text, /needs a time/)
  assert.match((await add({ Volumes: ['a'], When: '@daily' })).text, /needs a target/)
  const body = { Volumes: ['a'], When: '@daily', Target: '/x', Retention: { keepLast: 2, keepDaily: null } }
  assert.equal((await add(body)).status, 201)
  assert.deepEqual([added[0]!.retention, added[0]!.fullEvery, added[0]!.format], [{ keepLast: 2 }, 1, 'zstd'])
})
