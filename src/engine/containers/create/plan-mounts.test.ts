import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HostConfig, MountRequest } from '#model/config.ts'
import { containerConfig, hostConfigOf } from '../testing/harness.ts'
import { basePlan } from './mount-plan.ts'
import { planMounts } from './plan-mounts.ts'

const plan = (host: Partial<HostConfig>, volumes: string[] = [], inherited: Parameters<typeof planMounts>[2] = []) =>
  planMounts(
    containerConfig({ Volumes: Object.fromEntries(volumes.map(path => [path, {}])) }),
    hostConfigOf(host),
    inherited,
  )

test('binds: paths, names, options', () => {
  const [bind, named, anonymous] = plan({
    Binds: ['/src/../x:/a:ro,rslave', 'data:/b/:nocopy,z', '/c'],
  })
  assert.deepEqual(
    [bind?.type, bind?.source, bind?.destination, bind?.readonly, bind?.propagation, bind?.createSource],
    ['bind', '/x', '/a', true, 'rslave', true],
  )
  assert.deepEqual([named?.type, named?.source, named?.destination, named?.noCopy], ['volume', 'data', '/b', true])
  assert.deepEqual([anonymous?.source, anonymous?.anonymous], ['', true])
})

test('bad binds and mounts are refused in Docker words', () => {
  const binds: [string, RegExp][] = [
    ['a:b', /mount path must be absolute/],
    ['a:/', /destination can't be '\/'/],
    ['/a:/b:ro:x', /invalid volume specification: '\/a:\/b:ro:x'/],
    ['/a:/b:ro,rw', /invalid mode: ro,rw/],
    ['/a:/b:fast', /invalid mode: fast/],
    ['./rel:/b', /includes invalid characters for a local volume name/],
    ['/a:/b:nocopy', /invalid mode: nocopy/],
    ['', /invalid volume specification/],
  ]
  for (const [bind, message] of binds) assert.throws(() => plan({ Binds: [bind] }), { kind: 'invalid', message }, bind)
  const mounts: [MountRequest, RegExp][] = [
    [{ Type: 'bind', Target: '/a' }, /field Source must not be empty/],
    [{ Type: 'bind', Source: 'rel', Target: '/a' }, /'rel' mount path must be absolute/],
    [{ Type: 'tmpfs', Source: 'x', Target: '/a' }, /field Source must not be specified/],
    [{ Type: 'volume', Target: '' }, /field Target must not be empty/],
    [{ Type: 'tmpfs', Target: '/a', BindOptions: {} }, /field BindOptions must not be specified/],
    [{ Type: 'volume', Source: 'v', Target: '/a', VolumeOptions: { Subpath: '../x' } }, /subpath/],
    [{ Type: 'nfs' as 'bind', Target: '/a' }, /mount type unknown/],
  ]
  for (const [mount, message] of mounts) assert.throws(() => plan({ Mounts: [mount] }), { message })
})

test('one destination twice is refused, also across -v, --mount and --tmpfs', () => {
  assert.throws(() => plan({ Binds: ['a:/x'], Tmpfs: { '/x/': '' } }), { message: 'Duplicate mount point: /x' })
})

test('image volumes yield to what is named, volumes-from too; parents come before children', () => {
  const from = [basePlan({ type: 'volume', source: 'theirs', destination: '/v' })]
  const found = plan({ Binds: ['data:/v/deep', 'w:/w'] }, ['/w', '/v', '/only'], [{ plan: from, readonly: true }])
  assert.deepEqual(
    found.map(mount => [mount.destination, mount.source, mount.readonly]),
    [
      ['/only', '', false],
      ['/v', 'theirs', true],
      ['/w', 'w', false],
      ['/v/deep', 'data', false],
    ],
  )
})

test('tmpfs sizes and modes', () => {
  const [mount] = plan({ Mounts: [{ Type: 'tmpfs', Target: '/t', TmpfsOptions: { SizeBytes: 4096, Mode: 0o1770 } }] })
  assert.deepEqual(mount?.options, ['size=4096', 'mode=1770'])
})
