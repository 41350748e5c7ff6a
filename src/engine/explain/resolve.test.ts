import assert from 'node:assert/strict'
import { test } from 'node:test'
import { candidates, hostsAddresses, resolverConfig } from './resolve.ts'

test('resolv.conf: the last search line holds, options are read', () => {
  const text =
    '# by hand\nnameserver 127.0.0.11\nsearch a.test\nsearch b.test c.test\noptions edns0 ndots:2\nnameserver  10.0.0.1 \n'
  assert.deepEqual(resolverConfig(text), {
    servers: ['127.0.0.11', '10.0.0.1'],
    search: ['b.test', 'c.test'],
    ndots: 2,
  })
  assert.deepEqual(resolverConfig(''), { servers: [], search: [], ndots: 1 })
})

test('names are tried as the C library tries them', () => {
  const config = { search: ['a.test', '.'], ndots: 1 }
  assert.deepEqual(candidates('db', config), ['db.a.test', 'db'])
  assert.deepEqual(candidates('db.shop', config), ['db.shop', 'db.shop.a.test'])
  assert.deepEqual(candidates('db.shop', { ...config, ndots: 2 }), ['db.shop.a.test', 'db.shop'])
  assert.deepEqual(candidates('db.', config), ['db'])
  assert.deepEqual(candidates('db', { search: [], ndots: 0 }), ['db'])
})

test('hosts: any of the names of a line, without case, comments left out', () => {
  const text = '127.0.0.1 localhost\n10.0.0.1  db DB1 # main\n#10.0.0.2 db\n10.0.0.3 other db\n'
  assert.deepEqual(hostsAddresses(text, 'db'), ['10.0.0.1', '10.0.0.3'])
  assert.deepEqual(hostsAddresses(text, 'db1'), ['10.0.0.1'])
  assert.deepEqual(hostsAddresses(text, 'main'), [])
})
