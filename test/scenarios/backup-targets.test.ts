/** Places for backups on real servers: OpenSSH, and S3 as OpenStack Swift and s3rver speak it. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { after, before, describe, test } from 'node:test'
import { isKind } from '#lib/errors.ts'
import { pieces, targetsSuite } from '#ports/targets.suite.ts'
import { openTarget } from '#targets/index.ts'
import { S3Target } from '#targets/s3/target.ts'
import { S3Server, swiftHere } from '../support/s3-server.ts'
import { SshServer, sshdHere } from '../support/ssh-server.ts'
import { until } from '../support/tools.ts'

const MIB = 1024 * 1024
let swift: S3Server
let s3rver: S3Server
let ssh: SshServer
before(async () => {
  const start = [S3Server.start('s3rver').then(one => void (s3rver = one))]
  if (swiftHere) start.push(S3Server.start('swift').then(one => void (swift = one)))
  if (sshdHere) start.push(SshServer.start().then(one => void (ssh = one)))
  await Promise.all(start)
})
after(() => Promise.all([swift?.dispose(), s3rver?.dispose(), ssh?.dispose()]))

let places = 0
const noSwift = !swiftHere && 'no Swift here: install python3-swift'
const noSsh = !sshdHere && 'no sshd(8) here'
const at = (server: S3Server, more: Record<string, string | undefined> = {}, bucket = 'bucket') =>
  openTarget(`s3://${bucket}/place ${++places}/`, { ...server.environment, ...more })
/** Content that is the same each time, without being held. */
async function* generated(bytes: number, seed = 0): AsyncGenerator<Buffer> {
  for (let done = 0; done < bytes; done += MIB) {
    const block = createHash('sha512').update(`${seed} ${done}`).digest()
    yield Buffer.alloc(Math.min(MIB, bytes - done), block)
  }
}
const content = (bytes: number, seed?: number) => Readable.from(generated(bytes, seed), { objectMode: false })
const digestOf = async (stream: Readable) => {
  const hash = createHash('sha256')
  await pipeline(stream, async source => {
    for await (const piece of source) hash.update(piece as Buffer)
  })
  return hash.digest('hex')
}

targetsSuite('S3: Swift', async () => ({ target: await at(swift) }), noSwift)

function overSsh() {
  const directory = mkdtempSync(join(ssh.directory, 'place-'))
  return openTarget(ssh.url(directory), { ...process.env, BERTH_SSH: ssh.command })
}

describe('S3', { skip: noSwift }, () => {
  test('more than 100 MB in parts; nothing shows before it is whole', async () => {
    const server = s3rver
    const target = await at(server)
    let seen: unknown
    const source = Readable.from(
      (async function* () {
        yield* generated(60 * MIB)
        seen = await target.list()
        yield* generated(48 * MIB, 1)
      })(),
      { objectMode: false },
    )
    let progress = 0
    assert.deepEqual(await target.put('large', source, { onProgress: bytes => (progress = bytes) }), {
      bytes: 108 * MIB,
    })
    assert.deepEqual(seen, [])
    assert.equal(progress, 108 * MIB)
    const expected = await digestOf(
      Readable.from(
        (async function* () {
          yield* generated(60 * MIB)
          yield* generated(48 * MIB, 1)
        })(),
      ),
    )
    assert.equal(await digestOf(await target.open('large')), expected, server.kind)
    await target.remove('large')
    await target.close()
    assert.deepEqual(await swift.uploads(), [])
  })

  test('the server is killed in mid-upload and comes back: one put goes on over it, and says so', async () => {
    const server = swift
    const target = await at(server)
    const waits: string[] = []
    let killed: Promise<void> | undefined
    const onProgress = (bytes: number) => {
      if (bytes > 30 * MIB)
        killed ??= server
          .stop()
          .then(() => until('told', () => waits[0]))
          .then(() => server.start())
    }
    await target.put('large', content(105 * MIB), { onProgress, onWait: reason => waits.push(reason) })
    await killed
    assert.match(waits[0]!, /cannot reach http:\/\/127\.0\.0\.1:\d+: .*trying again in .* \(1 of 10\)/)
    assert.equal(await digestOf(await target.open('large')), await digestOf(content(105 * MIB)), server.kind)
    await target.remove('large')
    await target.close()
  })

  test('killed, and the put with it: the next one sends only the parts that are missing', async () => {
    const environment = swift.environment
    const place = { kind: 's3', bucket: 'bucket', prefix: `again ${++places}/` } as const
    const hasty = new S3Target(place, environment, { delays: [] })
    let token = ''
    const onToken = (given: string) => (token = given)
    const onProgress = (bytes: number) => void (bytes > 40 * MIB && void swift.stop())
    await assert.rejects(hasty.put('large', content(64 * MIB), { onToken, onProgress }), /cannot reach/)
    await hasty.close()
    await swift.start()
    const target = new S3Target(place, environment)
    assert.deepEqual(await target.list(), [])
    assert.deepEqual(await swift.uploads(), [`${place.prefix}large`])
    const known = Number(/"first":(\d+)/.exec(token)![1])
    assert.equal(known, 8 * MIB)
    const client = swift.client()
    const sent: number[] = []
    // What goes over the wire shows in the time stamps of the parts.
    const { ListPartsCommand } = await import('@aws-sdk/client-s3')
    const { id } = JSON.parse(token) as { id: string }
    const before = await client.send(
      new ListPartsCommand({ Bucket: 'bucket', Key: `${place.prefix}large`, UploadId: id }),
    )
    assert.ok(before.Parts!.length >= 4, String(before.Parts?.length))
    await target.put('large', content(64 * MIB), { resume: token, onToken, onProgress: bytes => sent.push(bytes) })
    assert.equal(await digestOf(await target.open('large')), await digestOf(content(64 * MIB)))
    assert.deepEqual(await swift.uploads(), [])
    client.destroy()
    await target.close()
  })

  test('a token of an upload that is no more: all is sent', async () => {
    const target = await at(swift)
    const resume = JSON.stringify({ id: 'bm8gc3VjaCB1cGxvYWQ', first: 8 * MIB })
    assert.deepEqual(await target.put('a', content(9 * MIB), { resume }), { bytes: 9 * MIB })
    assert.deepEqual(await target.put('b', content(9 * MIB), { resume: 'nonsense' }), { bytes: 9 * MIB })
    await target.close()
  })

  test('a put that fails leaves nothing, unless a token was taken', async () => {
    const target = await at(swift)
    const failing = () =>
      Readable.from(
        (async function* () {
          yield* generated(20 * MIB)
          throw new Error('the volume is gone')
        })(),
        { objectMode: false },
      )
    await assert.rejects(target.put('a', failing()), /^Error: the volume is gone$/)
    assert.deepEqual(await swift.uploads(), [])
    assert.deepEqual(await target.list(), [])
    await target.close()
  })

  test('a download goes on when the server was away', async () => {
    const target = await at(s3rver)
    await target.put('a', content(24 * MIB))
    const waits: string[] = []
    const stream = await target.open('a', 5, { onWait: reason => waits.push(reason) })
    const hash = createHash('sha256')
    let bytes = 0
    let away: Promise<void> | undefined
    for await (const piece of stream as AsyncIterable<Buffer>) {
      hash.update(piece)
      bytes += piece.length
      if (bytes > 10 * MIB) {
        away ??= s3rver.stop().then(() => s3rver.start())
        await away
      }
    }
    const whole = await buffer(content(24 * MIB))
    assert.equal(hash.digest('hex'), createHash('sha256').update(whole.subarray(5)).digest('hex'))
    await target.close()
  })

  test('several uploads at once', async () => {
    const target = await at(swift)
    const sizes = [0, 1, 5 * MIB, 8 * MIB, 8 * MIB + 1, 17 * MIB]
    await Promise.all(sizes.map((size, index) => target.put(`n${index}`, content(size, index))))
    const listed = await target.list()
    assert.deepEqual(
      listed.map(one => one.size),
      sizes,
    )
    for (const [index, size] of sizes.entries()) {
      assert.equal(await digestOf(await target.open(`n${index}`)), await digestOf(content(size, index)))
    }
    await target.close()
  })

  test('what is wrong, in clear words, for every verb', async () => {
    const wrong: [Record<string, string | undefined>, string, RegExp][] = [
      [{ AWS_SECRET_ACCESS_KEY: 'wrong' }, 'bucket', /wrong credentials for s3:\/\/bucket\/.*AWS_SECRET_ACCESS_KEY/],
      [
        { AWS_ENDPOINT_URL: 'http://127.0.0.1:9' },
        'bucket',
        /cannot reach http:\/\/127\.0\.0\.1:9: connection refused/,
      ],
      [{ AWS_ENDPOINT_URL: 'http://no.such.host.invalid' }, 'bucket', /cannot reach .*unknown host|looked up/],
      [{}, 'absent-bucket', /there is no bucket absent-bucket at http/],
    ]
    for (const [environment, bucket, words] of wrong) {
      const target = await at(swift, environment, bucket)
      const verbs: Record<string, () => Promise<unknown>> = {
        put: () => target.put('a', pieces(Buffer.from('x'))),
        large: () => target.put('a', content(20 * MIB)),
        open: () => target.open('a'),
        stat: () => target.stat('a'),
        list: () => target.list(),
      }
      for (const [verb, ask] of Object.entries(verbs)) {
        await assert.rejects(ask(), (error: Error) => {
          assert.match(error.message, words, verb)
          assert.doesNotMatch(error.message, /wrong$|testing/, 'no secret is told')
          return true
        })
      }
      await target.close()
    }
    const unknown = await at(s3rver, { AWS_ACCESS_KEY_ID: 'NOBODY' })
    await assert.rejects(unknown.list(), /does not know the access key: check AWS_ACCESS_KEY_ID/)
    await assert.rejects(unknown.put('a', pieces(Buffer.from('x'))), error => isKind(error, 'unauthenticated'))
    await unknown.close()
    await assert.rejects((await at(swift, { AWS_ENDPOINT_URL: 'nonsense' })).list(), /invalid AWS_ENDPOINT_URL/)
  })
})

describe('ssh', { skip: noSsh }, () => {
  test('connections that are cut in mid-upload and mid-download', async () => {
    const directory = mkdtempSync(join(ssh.directory, 'cut-'))
    const target = await openTarget(ssh.url(directory), { ...process.env, BERTH_SSH: ssh.command })
    const waits: string[] = []
    let cuts = 0
    const onProgress = (bytes: number) => {
      if (bytes > (cuts + 1) * 12 * MIB && cuts < 3) {
        cuts++
        ssh.cut()
      }
    }
    const onWait = (reason: string) => waits.push(reason)
    assert.deepEqual(await target.put('large', content(60 * MIB), { onProgress, onWait }), { bytes: 60 * MIB })
    assert.ok(cuts > 0)
    assert.ok(waits.some(one => /trying again/.test(one)))
    assert.deepEqual(readdirSync(directory), ['large'])
    const stream = await target.open('large', 7, { onWait })
    const hash = createHash('sha256')
    let bytes = 0
    for await (const piece of stream as AsyncIterable<Buffer>) {
      hash.update(piece)
      if (bytes < 20 * MIB && bytes + piece.length >= 20 * MIB) ssh.cut()
      bytes += piece.length
    }
    const whole = await buffer(content(60 * MIB))
    assert.equal(hash.digest('hex'), createHash('sha256').update(whole.subarray(7)).digest('hex'))
  })

  test('the server is away for a while', async () => {
    const directory = mkdtempSync(join(ssh.directory, 'away-'))
    const target = await openTarget(ssh.url(directory), { ...process.env, BERTH_SSH: ssh.command })
    const waits: string[] = []
    let away: Promise<void> | undefined
    const onWait = (reason: string) => waits.push(reason)
    const onProgress = (bytes: number) => {
      if (bytes > 8 * MIB) {
        away ??= ssh
          .stop()
          .then(() => until('refused', () => waits.find(one => one.includes('refused'))))
          .then(() => ssh.start())
      }
    }
    const source = Readable.from(
      (async function* () {
        yield* generated(20 * MIB)
        // There is something left to send when it is noticed.
        await until('progress', () => (away ? true : undefined))
        yield* generated(20 * MIB, 1)
      })(),
      { objectMode: false },
    )
    assert.deepEqual(await target.put('large', source, { onProgress, onWait }), { bytes: 40 * MIB })
    await away
  })

  test('a wrong key and an unknown host key', async () => {
    const directory = mkdtempSync(join(ssh.directory, 'wrong-'))
    const ask = (options: string) =>
      openTarget(ssh.url(directory), { ...process.env, BERTH_SSH: `ssh ${options} -F ${ssh.config}` }).then(target =>
        target.list(),
      )
    mkdirSync(join(directory, 'empty'))
    await assert.rejects(
      ask('-oIdentityFile=/dev/null -oPubkeyAuthentication=no'),
      /refuses the login: .*Permission denied/,
    )
    await assert.rejects(ask('-oUserKnownHostsFile=/dev/null'), /the host key of root@127\.0\.0\.1 is not known/)
    assert.deepEqual(await ask(''), [])
  })
})

test('random content of any size comes back from every place', { skip: noSwift || noSsh }, async () => {
  const targets = [await at(swift), await at(s3rver), await overSsh()]
  const bytes = randomBytes(1_234_567)
  await Promise.all(
    targets.map(async target => {
      await target.put('x', pieces(bytes))
      assert.deepEqual(await buffer(await target.open('x', 1_000_000)), bytes.subarray(1_000_000))
      await target.close()
    }),
  )
})
