import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDeviceRule } from './devices.ts'
import { execEnv } from './environment.ts'
import { checkModes } from './modes.ts'
import { checkSysctls } from './sysctls.ts'
import { resolveUser } from './user.ts'
import { hostConfigOf } from '../testing/harness.ts'

const PASSWD = 'root:x:0:0::/root:/bin/sh\n# comment\nweb:x:33:34::/srv:/bin/sh\nbroken\n'
const GROUP = 'root:x:0:\nweb:x:34:\nlog:x:44:web,other\n'
const who = (user: string, add: string[] = []) => resolveUser(user, PASSWD, GROUP, add)

test('users: names, numbers, groups, supplementary groups, home', () => {
  assert.deepEqual(who(''), { uid: 0, gid: 0, additionalGids: [0], home: '/root' })
  assert.deepEqual(who('web'), { uid: 33, gid: 34, additionalGids: [34, 44], home: '/srv' })
  assert.deepEqual(who('33'), { uid: 33, gid: 34, additionalGids: [34, 44], home: '/srv' })
  assert.deepEqual(who('1000'), { uid: 1000, gid: 0, additionalGids: [0], home: '/' })
  assert.deepEqual(who('1000:log', ['web', '77']), { uid: 1000, gid: 44, additionalGids: [44, 34, 77], home: '/' })
  assert.throws(() => who('bob'), { message: 'unable to find user bob: no matching entries in passwd file' })
  assert.throws(() => who('web:crew'), /unable to find group crew: no matching entries in group file/)
  assert.throws(() => who('', ['crew']), /Unable to find group crew/)
})

test('sysctls: only those of the namespaces that are the container’s own', () => {
  const own = { network: false, ipc: false, uts: false }
  assert.doesNotThrow(() => checkSysctls({ 'net.ipv4.ip_forward': '1', 'kernel.shmmax': '1', 'fs.mqueue.x': '1' }, own))
  assert.throws(() => checkSysctls({ 'vm.swappiness': '1' }, own), /"vm.swappiness" is not in a separate/)
  assert.throws(() => checkSysctls({ 'net.core.somaxconn': '1' }, { ...own, network: true }), /host network/)
})

test('device rules', () => {
  assert.deepEqual(parseDeviceRule('c 1:* rw'), { allow: true, type: 'c', major: 1, access: 'rw' })
  for (const bad of ['c 1:3', 'x 1:3 rwm', 'c 1:3 rwx', '']) {
    assert.throws(() => parseDeviceRule(bad), /invalid device cgroup rule format/, bad)
  }
})

test('modes that do not exist, and user namespaces, are refused by name', () => {
  assert.throws(() => checkModes(hostConfigOf({ IpcMode: 'x' })), /invalid IPC mode: x/)
  assert.throws(() => checkModes(hostConfigOf({ PidMode: 'container:' })), /invalid PID mode/)
  assert.throws(() => checkModes(hostConfigOf({ UsernsMode: 'keep' })), { kind: 'not-implemented' })
})

test('the environment of an exec: its own over the container’s, HOME of its user', () => {
  assert.deepEqual(execEnv(['PATH=/b', 'A=1'], ['A=2'], true, '/home/x'), [
    'TERM=xterm',
    'PATH=/b',
    'A=2',
    'HOME=/home/x',
  ])
})
