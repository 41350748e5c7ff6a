import assert from 'node:assert/strict'
import test from 'node:test'
import { describeEndpoint, parseHost } from './host.ts'
import { dialArguments, parseSshHost, shareArguments, sshError } from './ssh.ts'

test('ssh hosts: what is left out is left to ssh', () => {
  assert.deepEqual(parseHost('ssh://h'), { kind: 'ssh', user: '', host: 'h', port: 0, socket: '' })
  const full = { kind: 'ssh' as const, user: 'me', host: 'fd00::1', port: 2222, socket: '/run/b.sock' }
  assert.deepEqual(parseHost('ssh://me@[fd00::1]:2222/run/b.sock'), full)
  assert.equal(describeEndpoint(full), 'ssh://me@[fd00::1]:2222/run/b.sock')
  assert.equal(parseSshHost('ssh://h/').socket, '')
  for (const bad of ['ssh://', 'ssh://u:p@h', 'ssh://-x', 'ssh://-l@h', 'ssh://h?x=1', 'ssh://h:99999', 'ssh://h h']) {
    assert.throws(() => parseHost(bad), { kind: 'invalid' }, bad)
  }
})

test('nothing of a host becomes an option, or a command of the shell there', () => {
  const host = parseSshHost("ssh://u@h:22/a'b;reboot")
  const dial = dialArguments(host, '/run/%h/c')
  assert.deepEqual(dial.slice(-3, -1), ['--', 'h'])
  assert.ok(dial.includes('ControlPath=/run/%%h/c'))
  assert.match(dial.at(-1)!, /^sh -c '/)
  assert.equal(shareArguments(host, '/c').at(-1), 'h')
})

test('what ssh says, without what it says to itself', () => {
  const of = (code: number | null, stderr: string) => sshError('ssh://h', code, stderr, 'ssh')
  assert.match(of(121, '').message, /neither berth nor docker .* install berth on that host/)
  assert.equal(of(255, 'u@h: Permission denied (publickey).\r\n').kind, 'unauthenticated')
  assert.match(of(255, 'Host key verification failed.').message, /accept the key/)
  assert.match(of(127, 'sh: 1: exec: ssh: not found').message, /install openssh-client/)
  assert.equal(
    of(255, 'mux_client_request_session: no\nssh: connect to host h port 22: No route to host\n').message,
    'cannot connect to ssh://h: ssh: connect to host h port 22: No route to host',
  )
  assert.equal(of(255, '').message, 'the connection to ssh://h broke')
})
