import assert from 'node:assert/strict'
import { test } from 'node:test'
import { splitVersion } from './api-version.ts'
import { Router, type Route } from './router.ts'

const route = (method: string, path: string): Route => ({ method, path, handle() {} })
const router = new Router(
  [
    ['GET', '/images/json'],
    ['GET', '/images/{name...}/json'],
    ['GET', '/images/{name...}/get'],
    ['DELETE', '/images/{name...}'],
    ['GET', '/containers/{id}/json'],
  ].map(([method, path]) => route(method!, path!)),
)
const match = (method: string, path: string) => {
  const found = router.match(method, path)
  return found && [found.route.path, found.params]
}

test('one segment, many segments, fixed paths first', () => {
  assert.deepEqual(match('GET', '/images/json'), ['/images/json', {}])
  assert.deepEqual(match('GET', '/images/a/b:c/json'), ['/images/{name...}/json', { name: 'a/b:c' }])
  assert.deepEqual(match('DELETE', '/images/h:1/a@sha256:0'), ['/images/{name...}', { name: 'h:1/a@sha256:0' }])
  assert.deepEqual(match('GET', '/containers/x/json'), ['/containers/{id}/json', { id: 'x' }])
  assert.equal(match('GET', '/containers/x/y/json'), undefined)
  assert.equal(match('POST', '/images/json'), undefined)
  assert.equal(match('GET', '/containers//json'), undefined)
})

test('versions are cut off at a segment, and only there', () => {
  assert.deepEqual(splitVersion('/v1.24/info'), { version: 24, path: '/info' })
  assert.deepEqual(splitVersion('/info'), { version: 51, path: '/info' })
  assert.deepEqual(splitVersion('/volumes/v1.2'), { version: 51, path: '/volumes/v1.2' })
  assert.throws(() => splitVersion('/v2/info'), /client version 2 is too new/)
})
