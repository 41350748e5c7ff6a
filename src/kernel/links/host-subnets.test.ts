import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { testNetworking } from '#kernel/testing/networking.ts'

const ip = (...args: string[]) => {
  const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' })
  assert.equal(status, 0, `ip ${args.join(' ')}: ${stderr}`)
}

test('subnets of the host follow what happens to its links, addresses and routes', async () => {
  const { networking, prefix, close } = testNetworking({ poolSize: 0 })
  const device = `${prefix}d`
  const own = async () =>
    (await networking.links.hostSubnets())
      .filter(one => one.device === device && !one.subnet.startsWith('fe80'))
      .map(one => `${one.what} ${one.subnet}`)
      .toSorted()
  try {
    assert.deepEqual(await own(), [])
    ip('link', 'add', device, 'type', 'bridge')
    ip('addr', 'add', '10.198.3.1/24', 'dev', device)
    assert.deepEqual(await own(), ['address 10.198.3.1/24'])
    ip('link', 'set', device, 'up')
    ip('route', 'add', '10.198.64.0/20', 'via', '10.198.3.9')
    ip('-6', 'addr', 'add', 'fd00:198::1/64', 'dev', device, 'nodad')
    assert.deepEqual(await own(), [
      'address 10.198.3.1/24',
      'address fd00:198::1/64',
      'route 10.198.3.0/24',
      'route 10.198.64.0/20',
      'route fd00:198::/64',
    ])
    ip('link', 'set', device, 'down')
    assert.deepEqual(await own(), ['address 10.198.3.1/24'])
    ip('link', 'set', device, 'up')
    ip('addr', 'del', '10.198.3.1/24', 'dev', device)
    assert.deepEqual(await own(), [])
    // More than the socket holds: everything is read anew.
    ip('addr', 'add', '10.198.3.1/24', 'dev', device)
    const many = Array.from({ length: 3000 }, (_, i) => `addr add 10.197.${i >> 8}.${i & 255}/32 dev ${device}`)
    const { status } = spawnSync('ip', ['-batch', '-'], { input: many.join('\n') })
    assert.equal(status, 0)
    assert.equal((await own()).filter(one => one.startsWith('address 10.197.')).length, 3000)
    ip('link', 'delete', device)
    assert.deepEqual(await own(), [])
  } finally {
    spawnSync('ip', ['link', 'delete', device])
    await close()
  }
})
