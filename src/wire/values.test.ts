import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCIDR, isIP, isIPv6, isMAC } from './addresses.ts'
import { platformRequest, registryAuth } from './image-request.ts'
import { checkBind } from './mounts.ts'
import { checkSignal } from './signals.ts'

test('addresses', () => {
  for (const good of ['0.0.0.0', '255.1.2.3', '::', '::1', 'fd00::1:2', '1:2:3:4:5:6:7:8', '::ffff:10.0.0.1']) {
    assert.equal(isIP(good), true, good)
  }
  for (const wrong of [
    '',
    '1.2.3',
    '1.2.3.256',
    '01.2.3.4',
    ':::',
    '1:2:3:4:5:6:7',
    '1::2::3',
    'fe80::1%eth0',
    '12345::',
  ]) {
    assert.equal(isIP(wrong), false, wrong)
  }
  assert.equal(isIPv6('1:2:3:4:5:6:7::8'), false)
  assert.deepEqual(['10.0.0.0/8', 'fd00::/64'].map(isCIDR), [true, true])
  assert.deepEqual(
    ['10.0.0.0', '10.0.0.0/33', 'fd00::/129', '10.0.0.0/08', '10.0.0.0/8/8'].map(isCIDR),
    Array(5).fill(false),
  )
  assert.deepEqual(['02:42:ac:11:00:02', '02-42-AC-11-00-02', '02:42-ac:11:00:02', '0242ac110002'].map(isMAC), [
    true,
    true,
    false,
    false,
  ])
})

test('signals', () => {
  for (const good of ['SIGTERM', 'term', 'KILL', '9', '64', 'RTMIN+3', 'SIGRTMAX-2']) checkSignal(good)
  for (const wrong of ['', '0', '65', 'SIG', 'RTMIN+99', 'TERM '])
    assert.throws(() => checkSignal(wrong), { kind: 'invalid' }, wrong)
})

test('binds that Docker takes', () => {
  for (const good of [
    '/data',
    '/a:/b',
    'vol:/b:ro',
    '/a:/b:rw,z,rshared',
    '/a/../c:/b',
    'my.vol-1_x:/b:nocopy',
    '/a:/b:idmap',
  ])
    checkBind(good)
})

test('platforms', () => {
  assert.deepEqual(platformRequest('linux/arm64/v8'), { os: 'linux', architecture: 'arm64', variant: 'v8' })
  assert.deepEqual(platformRequest('x86_64'), { os: 'linux', architecture: 'amd64' })
  assert.deepEqual(platformRequest('{"os":"linux","architecture":"arm"}'), { os: 'linux', architecture: 'arm' })
  assert.equal(platformRequest(''), undefined)
})

test('registry credentials: both alphabets of base64, and the packed form', () => {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value))
  const auth = { username: 'u', password: 'ü?>~', serveraddress: 'host:5000' }
  assert.deepEqual(registryAuth(encode(auth).toString('base64url')), auth)
  assert.deepEqual(registryAuth(encode(auth).toString('base64')), auth)
  const packed = registryAuth(encode({ auth: Buffer.from('u:p:q').toString('base64') }).toString('base64'))
  assert.deepEqual([packed?.username, packed?.password], ['u', 'p:q'])
  assert.equal(registryAuth(encode({}).toString('base64')), undefined)
  assert.equal(registryAuth(undefined), undefined)
})
