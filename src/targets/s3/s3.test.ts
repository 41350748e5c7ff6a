import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { isKind } from '#lib/errors.ts'
import type { ErrorKind } from '#lib/errors.ts'
import { cutIntoParts, FIRST_PART, MAX_PARTS, parallelParts, partLength, SMALLEST_PART, type Part } from './parts.ts'
import { s3Error } from './words.ts'

test('10,000 parts hold the largest object that S3 takes, and short ones are short', () => {
  let total = 0
  for (let number = 1; number <= MAX_PARTS; number++) {
    const length = partLength(number, FIRST_PART)
    assert.ok(length >= SMALLEST_PART && length <= 5 * 1024 ** 3)
    assert.ok(number === 1 || length >= partLength(number - 1, FIRST_PART))
    total += length
  }
  assert.ok(total >= 5 * 1024 ** 4, `${total / 1024 ** 4} TiB`)
  assert.equal(partLength(1, FIRST_PART), FIRST_PART)
  assert.equal(parallelParts(FIRST_PART), 4)
  assert.equal(parallelParts(1024 ** 3), 1)
})

test('content in pieces of any size becomes parts of the right ones, with their digests', async () => {
  const content = randomBytes(3 * 1024 * 1024 + 5)
  const cut = async (length: number, piece: number, first = 1024 * 1024) => {
    async function* pieces() {
      for (let at = 0; at < length; at += piece) yield content.subarray(at, Math.min(length, at + piece))
    }
    const parts: Part[] = []
    for await (const part of cutIntoParts(pieces(), first)) parts.push(part)
    return parts
  }
  for (const piece of [1000, 1024 * 1024, 5_000_000]) {
    const parts = await cut(content.length, piece)
    assert.deepEqual(Buffer.concat(parts.map(one => one.bytes)), content)
    for (const [index, { number, offset, bytes, md5 }] of parts.entries()) {
      assert.equal(number, index + 1)
      assert.deepEqual(content.subarray(offset, offset + bytes.length), bytes)
      assert.deepEqual(md5, createHash('md5').update(bytes).digest())
    }
  }
  assert.deepEqual(
    (await cut(0, 1)).map(one => one.bytes.length),
    [0],
  )
  assert.deepEqual(
    (await cut(1024 * 1024, 1000)).map(one => one.bytes.length),
    [1024 * 1024],
  )
})

test('what is wrong, in our words', () => {
  const where = { bucket: 'bucket', url: 's3://bucket/key', endpoint: 'https://s3.example' }
  const cases: [object, ErrorKind, RegExp][] = [
    [{ name: 'NoSuchBucket' }, 'not-found', /there is no bucket bucket at https:\/\/s3\.example/],
    [{ name: 'NotFound', $metadata: { httpStatusCode: 404 } }, 'not-found', /s3:\/\/bucket\/key: no such object/],
    [{ name: 'InvalidAccessKeyId' }, 'unauthenticated', /AWS_ACCESS_KEY_ID/],
    [{ name: 'SignatureDoesNotMatch' }, 'unauthenticated', /AWS_SECRET_ACCESS_KEY/],
    [{ name: 'ExpiredToken' }, 'unauthenticated', /AWS_SESSION_TOKEN/],
    [{ name: 'CredentialsProviderError' }, 'unauthenticated', /no credentials/],
    [{ name: 'RequestTimeTooSkewed' }, 'system', /the clock of this machine is wrong/],
    [{ name: 'PermanentRedirect' }, 'invalid', /another region: set AWS_REGION/],
    [{ name: 'AccessDenied', $metadata: { httpStatusCode: 403 } }, 'forbidden', /is denied to these credentials/],
    [{ name: 'SlowDown', $metadata: { httpStatusCode: 503 } }, 'unavailable', /cannot serve requests now \(SlowDown\)/],
    [{ name: 'Unknown', $metadata: { httpStatusCode: 500 } }, 'unavailable', /cannot serve requests now/],
    [{ code: 'ECONNREFUSED' }, 'unavailable', /cannot reach https:\/\/s3\.example: connection refused/],
    [{ cause: Object.assign(new Error(), { code: 'ENOTFOUND' }) }, 'unavailable', /unknown host/],
    [{ name: 'TimeoutError' }, 'unavailable', /it does not answer/],
    [{ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }, 'system', /is not trusted .*AWS_CA_BUNDLE/],
    [{ name: 'QuotaExceeded', $metadata: { httpStatusCode: 403 } }, 'system', /no space left/],
    [{ name: 'Odd', $metadata: { httpStatusCode: 400 } }, 'system', /refuses s3:\/\/bucket\/key: said the server/],
  ]
  for (const [facts, kind, words] of cases) {
    const error = s3Error(Object.assign(new Error('said the server'), facts), where) as Error
    assert.ok(isKind(error, kind), `${JSON.stringify(facts)}: ${String(error)}`)
    assert.match(error.message, words)
  }
  const several = new AggregateError([Object.assign(new Error(), { code: 'ECONNREFUSED' })])
  assert.match((s3Error(several, where) as Error).message, /connection refused/)
})
