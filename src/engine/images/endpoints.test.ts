import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { endpointsFor, isInsecure } from './endpoints.ts'

describe('registry endpoints', () => {
  it('tries mirrors for Docker Hub pulls only', () => {
    const settings = { mirrors: ['https://mirror.example/', 'http://plain.example:5000'] }
    const hosts = (domain: string, verb: 'pull' | 'push') => endpointsFor(domain, settings, verb).map(e => e.host)
    assert.deepEqual(hosts('docker.io', 'pull'), ['mirror.example', 'plain.example:5000', 'registry-1.docker.io'])
    assert.deepEqual(hosts('docker.io', 'push'), ['registry-1.docker.io'])
    assert.deepEqual(hosts('other.example', 'pull'), ['other.example'])
    assert.equal(endpointsFor('docker.io', settings, 'pull')[1]!.insecure, true)
    assert.throws(() => endpointsFor('docker.io', { mirrors: ['https://a/b'] }, 'pull'), { kind: 'invalid' })
  })

  it('accepts plain HTTP only from loopback and where told', () => {
    for (const host of ['localhost', 'localhost:5000', '127.0.0.1:5000', '127.9.9.9', '[::1]:5000']) {
      assert.equal(isInsecure(host, []), true, host)
    }
    for (const host of ['128.0.0.1', 'localhost.example', '127.0.0.256'])
      assert.equal(isInsecure(host, []), false, host)
    assert.equal(isInsecure('reg.example:5000', ['reg.example:5000']), true)
    assert.equal(isInsecure('reg.example:5000', ['reg.example']), true)
    assert.equal(isInsecure('10.1.2.3:5000', ['10.1.0.0/16']), true)
    assert.equal(isInsecure('10.2.2.3:5000', ['10.1.0.0/16']), false)
  })
})
