import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { familiarOf, familiarText, parseReference, referenceText, withDefaultTag } from './reference.ts'

const HEX = 'a'.repeat(64)
const full = (text: string) => referenceText(withDefaultTag(parseReference(text)))

describe('references', () => {
  const cases: [written: string, normalized: string, familiar: string][] = [
    ['busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
    ['busybox:1.36', 'docker.io/library/busybox:1.36', 'busybox:1.36'],
    ['library/busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
    ['docker.io/busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
    ['index.docker.io/a/b:c', 'docker.io/a/b:c', 'a/b:c'],
    ['user/app', 'docker.io/user/app:latest', 'user/app:latest'],
    ['localhost/x', 'localhost/x:latest', 'localhost/x:latest'],
    ['localhost:5000/x', 'localhost:5000/x:latest', 'localhost:5000/x:latest'],
    ['host:5000/a/b:tag', 'host:5000/a/b:tag', 'host:5000/a/b:tag'],
    ['[::1]:5000/a', '[::1]:5000/a:latest', '[::1]:5000/a:latest'],
    ['Upper/x', 'Upper/x:latest', 'Upper/x:latest'],
    ['a.b/c', 'a.b/c:latest', 'a.b/c:latest'],
    ['a__b-c.d', 'docker.io/library/a__b-c.d:latest', 'a__b-c.d:latest'],
    [`x@sha256:${HEX}`, `docker.io/library/x@sha256:${HEX}`, `x@sha256:${HEX}`],
    [`x:1@sha256:${HEX}`, `docker.io/library/x:1@sha256:${HEX}`, `x:1@sha256:${HEX}`],
    [`x:${'t'.repeat(128)}`, `docker.io/library/x:${'t'.repeat(128)}`, `x:${'t'.repeat(128)}`],
  ]
  for (const [written, normalized, familiar] of cases) {
    it(`reads ${written.slice(0, 40)}`, () => {
      assert.equal(full(written), normalized)
      assert.equal(familiarText(withDefaultTag(parseReference(written))), familiar)
      assert.equal(familiarOf(normalized), familiar)
      assert.equal(full(normalized), normalized)
    })
  }

  const bad: [written: string, message: RegExp][] = [
    ['', /^invalid reference format$/],
    ['Foo', /^invalid reference format: repository name \(library\/Foo\) must be lowercase$/],
    ['a/Foo:x', /repository name \(a\/Foo\) must be lowercase$/],
    ['a b', /^invalid reference format$/],
    ['-a', /^invalid reference format$/],
    ['a//b', /^invalid reference format$/],
    ['a:', /^invalid reference format$/],
    ['a:-tag', /^invalid reference format$/],
    [`a:${'t'.repeat(129)}`, /^invalid reference format$/],
    ['../etc', /^invalid reference format/],
    ['a/../b', /^invalid reference format/],
    [HEX, /64-byte hexadecimal/],
    ['x@sha256:abc', /^invalid reference format$/],
    [`x@sha256:${'a'.repeat(40)}`, /invalid checksum digest length/],
    [`x@md5:${'a'.repeat(32)}`, /unsupported digest algorithm/],
    ['a'.repeat(256), /must not be more than 255 characters/],
    ['x\n', /^invalid reference format$/],
  ]
  for (const [written, message] of bad) {
    it(`refuses ${JSON.stringify(written).slice(0, 40)}`, () => {
      assert.throws(() => parseReference(written), { kind: 'invalid', message })
    })
  }
})
