import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { KernelHost } from './host.ts'
import { isStub, parseResolvConf } from './resolvers.ts'

test('facts agree with what the machine says of itself', () => {
  const facts = new KernelHost().facts()
  const uname = (flag: string) => execFileSync('uname', [flag], { encoding: 'utf8' }).trim()
  assert.equal(facts.kernelVersion, uname('-r'))
  assert.equal(facts.architecture, uname('-m'))
  assert.equal(facts.hostname, uname('-n'))
  assert.ok(readFileSync('/etc/os-release', 'utf8').includes(facts.operatingSystem))
  assert.equal(facts.capabilities.indexOf('SYS_ADMIN'), 21)
  assert.ok(facts.capabilities.length >= 38)
  assert.equal(facts.seccomp, true)
})

test('resolv.conf: comments, several servers, the last search line', () => {
  const text =
    '# x\nnameserver 10.0.0.1 # one\nnameserver fe80::1%eth0\ndomain a.b\nsearch c d\noptions ndots:2 rotate\n'
  assert.deepEqual(parseResolvConf(text), {
    nameservers: ['10.0.0.1', 'fe80::1%eth0'],
    search: ['c', 'd'],
    options: ['ndots:2', 'rotate'],
  })
})

test('only the stub of systemd-resolved is looked through', () => {
  assert.equal(isStub(parseResolvConf('nameserver 127.0.0.53\n')), true)
  assert.equal(isStub(parseResolvConf('nameserver 127.0.0.1\n')), false)
  assert.equal(isStub(parseResolvConf('nameserver 127.0.0.53\nnameserver 10.1.1.1\n')), false)
  assert.equal(isStub(parseResolvConf('')), false)
})
