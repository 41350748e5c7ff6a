import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { parseFlags } from '../../core/parse.ts'
import { parseDevice, parseGpus } from './devices.ts'
import { readPairs, readSecurityOptions } from './files.ts'
import { CREATE_FLAGS } from './flags.ts'
import { parseRate, parseRestart, parseUlimit } from './limits.ts'
import { parseMount, parseVolumes } from './mounts.ts'
import { networkPlan, parseNetwork } from './networks.ts'
import { parsePorts } from './ports.ts'
import { createRequest, type CreateFlags } from './request.ts'

function request(...argv: string[]) {
  const { flags, changed, args } = parseFlags(CREATE_FLAGS, argv, { interspersed: false })
  return createRequest(flags as CreateFlags, changed, args[0]!, args.slice(1))
}

test('published ports', () => {
  const binding = (HostIp: string, HostPort: string) => ({ HostIp, HostPort })
  const cases: [spec: string, bindings: Record<string, unknown>][] = [
    ['80', { '80/tcp': [binding('', '')] }],
    ['8080:80', { '80/tcp': [binding('', '8080')] }],
    ['127.0.0.1:8080:80/udp', { '80/udp': [binding('127.0.0.1', '8080')] }],
    ['127.0.0.1::80', { '80/tcp': [binding('127.0.0.1', '')] }],
    ['[::1]:8080:80', { '80/tcp': [binding('::1', '8080')] }],
    ['::1:8080:80', { '80/tcp': [binding('::1', '8080')] }],
    ['90-91:80-81', { '80/tcp': [binding('', '90')], '81/tcp': [binding('', '91')] }],
    ['8000-8010:80', { '80/tcp': [binding('', '8000-8010')] }],
    ['published=8080,target=80,protocol=udp', { '80/udp': [binding('', '8080')] }],
  ]
  for (const [spec, bindings] of cases) assert.deepEqual(parsePorts([spec], []).bindings, bindings, spec)
  assert.deepEqual(Object.keys(parsePorts(['80'], ['90-91/udp']).exposed), ['80/tcp', '90/udp', '91/udp'])
  const wrong: [spec: string, message: string][] = [
    ['x:80', 'invalid hostPort: x'],
    ['70000:80', 'invalid hostPort: 70000'],
    ['80:x', 'invalid containerPort: x'],
    ['1.2.3:80:80', 'invalid IP address: 1.2.3'],
    ['80-81:80-82', 'invalid ranges specified for container and host Ports: 80-82 and 80-81'],
    ['80/foo', 'invalid proto: foo'],
  ]
  for (const [spec, message] of wrong) assert.throws(() => parsePorts([spec], []), { message }, spec)
})

test('mounts', () => {
  assert.deepEqual(parseMount('type=bind,src=/a,dst=/b,ro,bind-propagation=rslave'), {
    Type: 'bind',
    Source: '/a',
    Target: '/b',
    ReadOnly: true,
    BindOptions: { Propagation: 'rslave' },
  })
  assert.deepEqual(parseMount('source=v,target=/b,volume-nocopy,volume-opt=o=addr=1,volume-label=a=b,readonly=false'), {
    Type: 'volume',
    Source: 'v',
    Target: '/b',
    ReadOnly: false,
    VolumeOptions: { NoCopy: true, DriverConfig: { Options: { o: 'addr=1' } }, Labels: { a: 'b' } },
  })
  assert.deepEqual(parseMount('type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1777').TmpfsOptions, {
    SizeBytes: 2 ** 20,
    Mode: 0o1777,
  })
  const wrong: [text: string, message: RegExp][] = [
    ['type=bind', /^target is required$/],
    ['x', /invalid field 'x' must be a key=value pair/],
    ['target=/a,foo=b', /unexpected key 'foo' in 'foo=b'/],
    ['type=bind,src=/a,target=/a,volume-nocopy', /cannot mix 'volume-\*' options with mount type 'bind'/],
    ['target=/a,readonly=x', /invalid value for readonly: x/],
  ]
  for (const [text, message] of wrong) assert.throws(() => parseMount(text), { message }, text)
  const { binds, volumes } = parseVolumes(['./x:/x', 'named:/n:ro', '/anon', '/h:/c'])
  assert.deepEqual(binds, [`${process.cwd()}/x:/x`, 'named:/n:ro', '/h:/c'])
  assert.deepEqual(volumes, { '/anon': {} })
})

test('networks', () => {
  assert.deepEqual(parseNetwork('net'), { name: 'net', endpoint: {} })
  assert.deepEqual(parseNetwork('name=net,alias=a,alias=b,ip=10.0.0.2,driver-opt=k=v,gw-priority=5'), {
    name: 'net',
    endpoint: { Aliases: ['a', 'b'], IPAMConfig: { IPv4Address: '10.0.0.2' }, DriverOpts: { k: 'v' }, GwPriority: 5 },
  })
  assert.throws(() => parseNetwork('name=a,foo=b'), { message: 'invalid field key foo' })
  const loose = { aliases: [], ip: '', ip6: '', linkLocal: [], mac: '', links: [] }
  assert.deepEqual(networkPlan([], loose), { mode: 'default', endpoints: {} })
  assert.deepEqual(networkPlan(['host'], loose), { mode: 'host', endpoints: {} })
  assert.deepEqual(networkPlan(['a', 'b'], { ...loose, aliases: ['x'], ip: '10.0.0.9' }), {
    mode: 'a',
    endpoints: { a: { Aliases: ['x'], IPAMConfig: { IPv4Address: '10.0.0.9' } }, b: {} },
  })
  assert.throws(() => networkPlan(['a', 'host'], loose), /cannot attach both user-defined and non-user-defined/)
  assert.throws(() => networkPlan(['a', 'a'], loose), /specified multiple times/)
})

test('limits and devices', () => {
  assert.deepEqual(parseUlimit('nofile=1024:2048'), { Name: 'nofile', Soft: 1024, Hard: 2048 })
  assert.deepEqual(parseUlimit('core=-1'), { Name: 'core', Soft: -1, Hard: -1 })
  assert.throws(() => parseUlimit('x'), { message: 'invalid ulimit argument: x' })
  assert.throws(() => parseUlimit('nofile=5:4'), /soft limit must be less than or equal to hard limit/)
  assert.deepEqual(parseRestart('on-failure:3'), { Name: 'on-failure', MaximumRetryCount: 3 })
  assert.throws(() => parseRestart('on-failure:x'), /maximum retry count must be an integer/)
  assert.deepEqual(parseRate('/dev/sda:1mb'), { Path: '/dev/sda', Rate: 2 ** 20 })
  assert.throws(() => parseRate('sda:1'), { message: 'bad format: sda:1' })
  const device = (PathOnHost: string, PathInContainer: string, CgroupPermissions: string) => ({
    PathOnHost,
    PathInContainer,
    CgroupPermissions,
  })
  assert.deepEqual(parseDevice('/dev/a'), device('/dev/a', '/dev/a', 'rwm'))
  assert.deepEqual(parseDevice('/dev/a:r'), device('/dev/a', '/dev/a', 'r'))
  assert.deepEqual(parseDevice('/dev/a:/dev/b:rw'), device('/dev/a', '/dev/b', 'rw'))
  assert.throws(() => parseDevice('a:b:c:d'))
  assert.equal(parseGpus('all')['Count'], -1)
  assert.deepEqual(parseGpus('device=0,1')['DeviceIDs'], ['0', '1'])
})

test('files: environment, labels, security profiles', t => {
  const directory = mkdtempSync(join(tmpdir(), 'berth-cli-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const env = join(directory, 'env')
  writeFileSync(env, '# comment\n\nA=1\nFROM_HOST\nUNSET_HERE\n  B=two words\r\nC=\n')
  const lookup = (name: string) => (name === 'FROM_HOST' ? 'h' : undefined)
  assert.deepEqual(readPairs(env, lookup), ['A=1', 'FROM_HOST=h', 'B=two words', 'C='])
  writeFileSync(env, 'A B=1\n')
  assert.throws(() => readPairs(env), /variable 'A B' contains whitespaces/)
  assert.throws(() => readPairs('/nonexistent'), { message: 'open /nonexistent: no such file or directory' })
  const profile = join(directory, 'seccomp.json')
  writeFileSync(profile, '{\n  "defaultAction": "SCMP_ACT_ALLOW"\n}')
  const read = readSecurityOptions([
    `seccomp=${profile}`,
    'no-new-privileges',
    'systempaths=unconfined',
    'seccomp=unconfined',
  ])
  assert.deepEqual(read.options, [
    'seccomp={"defaultAction":"SCMP_ACT_ALLOW"}',
    'no-new-privileges',
    'seccomp=unconfined',
  ])
  assert.equal(read.systemPathsOpen, true)
  assert.throws(() => readSecurityOptions(['foo']), { message: 'Invalid --security-opt: "foo"' })
})

test('the whole request', () => {
  const body = request(
    '-it',
    '--rm',
    '-e',
    'A=1',
    '-l',
    'k=v',
    '-m',
    '64m',
    '--cpus',
    '1.5',
    '--tmpfs',
    '/t:size=1m',
    '--init',
    'img',
    'sh',
    '-c',
    'x',
  )
  assert.equal(body.Image, 'img')
  assert.deepEqual(body.Cmd, ['sh', '-c', 'x'])
  assert.deepEqual(
    [body.Tty, body.OpenStdin, body.StdinOnce, body.AttachStdin, body.AttachStdout],
    [true, true, true, true, true],
  )
  assert.deepEqual(body.Env, ['A=1'])
  assert.deepEqual(body.Labels, { k: 'v' })
  const host = body.HostConfig!
  assert.deepEqual([host.AutoRemove, host.Memory, host.NanoCpus, host.Init], [true, 64 * 2 ** 20, 1.5e9, true])
  assert.deepEqual(host.Tmpfs, { '/t': 'size=1m' })
  assert.equal(host.NetworkMode, 'default')

  const plain = request('img')
  assert.deepEqual(
    [plain.Cmd, plain.Entrypoint, plain.Healthcheck, plain.HostConfig!.PidsLimit],
    [null, null, undefined, null],
  )
  assert.deepEqual(request('--entrypoint', '', 'img').Entrypoint, [''])
  assert.deepEqual(request('--no-healthcheck', 'img').Healthcheck, { Test: ['NONE'] })
  assert.deepEqual(request('--health-cmd', 'x', '--health-interval', '5s', 'img').Healthcheck!.Interval, 5e9)
  assert.throws(() => request('--health-cmd', 'x', '--no-healthcheck', 'img'), /--no-healthcheck conflicts/)
  assert.throws(() => request('--rm', '--restart', 'always', 'img'), /cannot specify both --restart and --rm/)
  assert.throws(() => request('--mac-address', 'x', 'img'), { message: 'x is not a valid mac address', exitCode: 125 })
})
