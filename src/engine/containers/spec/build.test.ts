import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContainerConfig, HostConfig } from '#model/config.ts'
import type { ContainerRecord } from '#model/container.ts'
import { CAPABILITIES, containerConfig, hostConfigOf } from '../testing/harness.ts'
import { basePlan } from '../create/mount-plan.ts'
import { buildSpec } from './build.ts'
import { DEFAULT_CAPABILITIES } from './capabilities.ts'
import type { SpecInput } from './input.ts'

function spec(host: Partial<HostConfig> = {}, config: Partial<ContainerConfig> = {}, part: Partial<SpecInput> = {}) {
  const record = {
    id: 'f'.repeat(64),
    config: containerConfig({ Cmd: ['sh'], ...config }),
    hostConfig: hostConfigOf({ NetworkMode: 'bridge', ...host }),
  } as ContainerRecord
  return buildSpec({
    record,
    rootfs: '/root',
    hostname: 'web',
    user: { uid: 0, gid: 0, additionalGids: [], home: '/root' },
    mounts: [],
    files: { hosts: '/f/hosts', hostname: '/f/hostname', resolvConf: '/f/resolv.conf' },
    joined: { network: '/netns/x' },
    devices: [],
    facts: {
      architecture: 'x86_64',
      capabilities: CAPABILITIES,
      apparmor: false,
      selinux: false,
      seccomp: true,
      kernelVersion: '6.18.5',
    },
    cgroupMode: 'v1',
    cgroupsPath: '/berth/f',
    blockDevices: {},
    ...part,
  })
}
const types = (built: ReturnType<typeof spec>) => built.linux.namespaces.map(one => one.type)
const at = (built: ReturnType<typeof spec>, path: string) => built.mounts.find(mount => mount.destination === path)

test('defaults: namespaces, capabilities, masked paths, seccomp, environment', () => {
  const built = spec({}, { Env: ['A=1'], Tty: true })
  assert.deepEqual(types(built), ['mount', 'network', 'uts', 'pid', 'ipc'])
  assert.equal(built.linux.namespaces.find(one => one.type === 'network')?.path, '/netns/x')
  assert.deepEqual(new Set(built.process.capabilities?.bounding), new Set(DEFAULT_CAPABILITIES))
  assert.ok(built.linux.maskedPaths?.includes('/proc/kcore'))
  assert.equal(built.linux.seccomp?.defaultAction, 'SCMP_ACT_ERRNO')
  assert.ok(built.process.env.includes('A=1') && built.process.env.includes('HOME=/root'))
  assert.ok(built.process.env.includes('HOSTNAME=web') && built.process.env.includes('TERM=xterm'))
  assert.equal(built.linux.resources?.devices?.[0]?.allow, false)
  assert.ok(at(built, '/sys')?.options?.includes('ro'))
})

test('namespace modes', () => {
  const host = spec({ NetworkMode: 'host', PidMode: 'host', IpcMode: 'host', UTSMode: 'host' })
  assert.deepEqual(types(host), ['mount'])
  assert.equal(host.hostname, undefined)
  assert.equal(at(host, '/dev/shm')?.source, '/dev/shm')
  assert.deepEqual(types(spec({}, {}, { cgroupMode: 'v2' })).includes('cgroup'), true)
  const joined = spec(
    { NetworkMode: 'container:x', PidMode: 'container:x', IpcMode: 'container:x' },
    {},
    { joined: { network: '/proc/7/ns/net', pid: '/proc/7/ns/pid', ipc: '/proc/7/ns/ipc', shm: '/other/shm' } },
  )
  assert.deepEqual(
    joined.linux.namespaces.map(one => one.path),
    [undefined, '/proc/7/ns/net', undefined, '/proc/7/ns/pid', '/proc/7/ns/ipc'],
  )
  assert.equal(at(joined, '/dev/shm')?.source, '/other/shm')
  assert.equal(at(spec({ IpcMode: 'none' }), '/dev/shm'), undefined)
})

test('privileged: every capability and device, nothing masked, no filter, /sys writable', () => {
  const built = spec({ Privileged: true })
  assert.equal(built.process.capabilities?.effective.length, CAPABILITIES.length)
  assert.deepEqual(built.linux.resources?.devices, [{ allow: true, access: 'rwm' }])
  assert.deepEqual([built.linux.maskedPaths, built.linux.readonlyPaths, built.linux.seccomp], [[], [], undefined])
  assert.ok(at(built, '/sys/fs/cgroup')?.options?.includes('rw'))
})

test('capabilities: add and drop with and without CAP_, ALL, unknown names', () => {
  const caps = (CapAdd: string[], CapDrop: string[]) => spec({ CapAdd, CapDrop }).process.capabilities?.bounding ?? []
  assert.ok(caps(['net_admin'], []).includes('CAP_NET_ADMIN'))
  assert.deepEqual(caps(['CAP_CHOWN'], ['ALL']), ['CAP_CHOWN'])
  assert.equal(caps(['ALL'], ['SYS_ADMIN']).length, CAPABILITIES.length - 1)
  assert.throws(() => caps(['FLY'], []), /unknown capability: "CAP_FLY"/)
})

test('seccomp: namespaces need CAP_SYS_ADMIN, clone3 says ENOSYS; unconfined and custom profiles', () => {
  const rules = spec().linux.seccomp?.syscalls ?? []
  assert.ok(!rules[0]?.names.includes('mount') && rules[0]?.names.includes('openat'))
  assert.equal(rules.find(rule => rule.names.includes('clone3'))?.errnoRet, 38)
  const admin = spec({ CapAdd: ['SYS_ADMIN'] }).linux.seccomp?.syscalls ?? []
  assert.ok(admin[0]?.names.includes('mount') && admin[0]?.names.includes('clone3'))
  assert.equal(spec({ SecurityOpt: ['seccomp=unconfined'] }).linux.seccomp, undefined)
  const profile = JSON.stringify({
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [
      { names: ['chmod'], action: 'SCMP_ACT_ERRNO' },
      { names: ['mount'], action: 'SCMP_ACT_ERRNO', excludes: { caps: ['CAP_CHOWN'] } },
    ],
  })
  const custom = spec({ SecurityOpt: [`seccomp=${profile}`] }).linux.seccomp
  assert.deepEqual(
    custom?.syscalls?.map(rule => rule.names[0]),
    ['chmod'],
  )
  assert.throws(() => spec({ SecurityOpt: ['seccomp={'] }), /not valid JSON/)
})

test('security options: no-new-privileges, apparmor without AppArmor, unknown ones', () => {
  assert.equal(spec({ SecurityOpt: ['no-new-privileges:true'] }).process.noNewPrivileges, true)
  assert.doesNotThrow(() => spec({ SecurityOpt: ['apparmor=unconfined', 'label=disable'] }))
  assert.throws(() => spec({ SecurityOpt: ['apparmor=mine'] }), /AppArmor is not available/)
  assert.throws(() => spec({ SecurityOpt: ['shields=up'] }), /invalid --security-opt/)
})

test('limits become OCI resources', () => {
  const built = spec({ Memory: 64e6, NanoCpus: 1.5e9, PidsLimit: 10, CpusetCpus: '0', CpuShares: 512 })
  const { memory, cpu, pids } = built.linux.resources ?? {}
  assert.deepEqual(memory, { limit: 64e6, swap: 128e6 })
  assert.deepEqual(cpu, { shares: 512, period: 100_000, quota: 150_000, cpus: '0' })
  assert.deepEqual(pids, { limit: 10 })
})

test('mounts: ours yield to the user, read-only and propagation, tmpfs options override defaults', () => {
  const built = spec(
    {},
    {},
    {
      mounts: [
        { plan: basePlan({ type: 'bind', source: '/r', destination: '/etc/hosts', readonly: true }), source: '/r' },
        { plan: basePlan({ type: 'bind', source: '/s', destination: '/s', propagation: 'rshared' }), source: '/s' },
        { plan: basePlan({ type: 'tmpfs', source: '', destination: '/t', options: ['exec', 'size=1m'] }), source: '' },
      ],
    },
  )
  assert.equal(at(built, '/etc/hosts')?.source, '/r')
  assert.deepEqual(at(built, '/etc/hosts')?.options, ['rbind', 'rprivate', 'rro'])
  assert.equal(built.linux.rootfsPropagation, 'shared')
  assert.deepEqual(at(built, '/t')?.options, ['nosuid', 'nodev', 'exec', 'size=1m'])
})

test('init, read-only root, ulimits without limit keep all digits', () => {
  const built = spec(
    { ReadonlyRootfs: true, Ulimits: [{ Name: 'nofile', Soft: 5, Hard: -1 }] },
    {},
    { initPath: '/usr/bin/tini' },
  )
  assert.deepEqual(built.process.args, ['/sbin/docker-init', '--', 'sh'])
  assert.equal(built.root.readonly, true)
  assert.ok(JSON.stringify(built.process.rlimits).includes('18446744073709551615'))
  assert.throws(() => spec({ Ulimits: [{ Name: 'wings', Soft: 1, Hard: 2 }] }), /invalid ulimit type: wings/)
})
