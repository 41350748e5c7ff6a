import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commitConfig, createRequest, updateRequest } from './container-create.ts'

const ids: Record<string, string> = { abc123: 'backend' }
const create = (body: Record<string, unknown>, options: { version?: number; cgroupVersion?: '1' | '2' } = {}) =>
  createRequest(
    { Image: 'busybox', ...body },
    { cgroupVersion: '2', runtime: 'crun', version: 51, nameOf: name => ids[name] ?? name, ...options },
  )

test('null and absent mean the same, and every default is filled in', () => {
  const { config, hostConfig, endpoints } = create({ Env: null, Cmd: 'ls', Labels: null, HostConfig: { Dns: null } })
  assert.deepEqual([config.Env, config.Cmd, config.Labels, config.Entrypoint], [[], ['ls'], {}, null])
  assert.equal(hostConfig.ShmSize, 67_108_864)
  assert.equal(hostConfig.IpcMode, 'private')
  assert.equal(hostConfig.CgroupnsMode, 'private')
  assert.deepEqual(hostConfig.LogConfig, { Type: 'json-file', Config: {} })
  assert.deepEqual(hostConfig.RestartPolicy, { Name: 'no', MaximumRetryCount: 0 })
  assert.ok(hostConfig.MaskedPaths?.includes('/proc/kcore'))
  assert.deepEqual([hostConfig.Dns, hostConfig.NetworkMode, hostConfig.Runtime], [[], 'bridge', 'crun'])
  assert.deepEqual(endpoints, { bridge: {} })
})

test('privileged and cgroup v1 change the defaults; an empty list of masked paths stays empty', () => {
  const privileged = create({ HostConfig: { Privileged: true } }).hostConfig
  assert.deepEqual([privileged.MaskedPaths, privileged.ReadonlyPaths, privileged.CgroupnsMode], [null, null, 'host'])
  assert.equal(create({}, { cgroupVersion: '1' }).hostConfig.CgroupnsMode, 'host')
  assert.deepEqual(create({ HostConfig: { MaskedPaths: [] } }).hostConfig.MaskedPaths, [])
})

test('values take the form that inspect shows', () => {
  const { hostConfig } = create({
    HostConfig: {
      CapAdd: ['net_admin', 'ALL'],
      CapDrop: 'CAP_CHOWN',
      Memory: 64e6,
      PortBindings: { '80': [], '53/UDP': [{ HostIp: '127.0.0.1', HostPort: '53' }] },
      Devices: [{ PathOnHost: '/dev/null' }],
    },
  })
  assert.deepEqual(hostConfig.CapAdd, ['CAP_NET_ADMIN', 'ALL'])
  assert.deepEqual(hostConfig.CapDrop, ['CAP_CHOWN'])
  assert.equal(hostConfig.MemorySwap, 128e6)
  assert.deepEqual(hostConfig.PortBindings, {
    '80/tcp': [{ HostIp: '', HostPort: '' }],
    '53/udp': [{ HostIp: '127.0.0.1', HostPort: '53' }],
  })
  assert.deepEqual(hostConfig.Devices, [
    { PathOnHost: '/dev/null', PathInContainer: '/dev/null', CgroupPermissions: 'rwm' },
  ])
})

test('NetworkMode and EndpointsConfig are one set of attachments, by name', () => {
  const endpointsOf = (mode: string, EndpointsConfig: Record<string, unknown>, more: Record<string, unknown> = {}) =>
    create({ ...more, HostConfig: { NetworkMode: mode }, NetworkingConfig: { EndpointsConfig } }).endpoints
  assert.deepEqual(endpointsOf('', { default: { Aliases: ['x'] } }), { bridge: { Aliases: ['x'] } })
  // The mode by name, the settings by id.
  assert.deepEqual(endpointsOf('backend', { abc123: { IPAMConfig: { IPv4Address: '10.0.0.5' } } }), {
    backend: { IPAMConfig: { IPv4Address: '10.0.0.5' } },
  })
  assert.deepEqual(endpointsOf('backend', { frontend: null }), { backend: {}, frontend: {} })
  assert.deepEqual(endpointsOf('host', {}), { host: {} })
  assert.deepEqual(endpointsOf('none', {}), { none: {} })
  assert.deepEqual(endpointsOf('container:web', {}), {})
  assert.deepEqual(endpointsOf('bridge', {}, { NetworkDisabled: true }), {})
  assert.deepEqual(endpointsOf('backend', {}, { MacAddress: '02-42-AC-11-00-02' }), {
    backend: { MacAddress: '02:42:ac:11:00:02' },
  })
  assert.throws(
    () => endpointsOf('backend', { backend: { MacAddress: '02:00:00:00:00:01' } }, { MacAddress: '02:00:00:00:00:02' }),
    /must match the endpoint-specific MAC address/,
  )
})

test('update takes what is set and leaves what clients send as zero', () => {
  assert.deepEqual(
    updateRequest({ Memory: 64e6, CpuShares: 0, Devices: [], CpusetCpus: '', RestartPolicy: { Name: '' } }),
    {
      Memory: 64e6,
    },
  )
  assert.deepEqual(updateRequest({ RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 2 } }), {
    RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 2 },
  })
  assert.deepEqual(updateRequest({}), {})
  // The container may have a memory limit already.
  assert.deepEqual(updateRequest({ MemorySwap: 64e6 }), { MemorySwap: 64e6 })
})

test('commit takes only what its body sets', () => {
  assert.equal(commitConfig(undefined), undefined)
  assert.equal(commitConfig({ Hostname: '', Tty: false }), undefined)
  assert.deepEqual(commitConfig({ Cmd: ['x'], Labels: { a: 'b' } }), { Cmd: ['x'], Labels: { a: 'b' } })
})
