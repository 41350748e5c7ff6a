import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import type { Forwarding } from '#ports/links.ts'
import { testNetworking } from '#kernel/testing/networking.ts'

const FLOOD = '00:00:00:00:00:00'
const DEVICE = 'vx0'

test('a vxlan is told which machines there are, and behind which of them a MAC is', async t => {
  const { networking, close } = testNetworking()
  try {
    const sandbox = await networking.sandboxes.create('vx')
    const make = ['ip', 'link', 'add', DEVICE, 'type', 'vxlan', 'id', '42', 'dstport', '4789', 'nolearning']
    const made = spawnSync('nsenter', [`--net=${sandbox}`, ...make], { encoding: 'utf8' })
    if (made.status !== 0) return t.skip(`no vxlan device here: ${made.error?.message ?? made.stderr.trim()}`)
    const { links } = networking
    const entry = (mac: string, destination: string): Forwarding => ({
      device: DEVICE,
      mac,
      table: 'self',
      destination,
    })
    const known = async () =>
      (await links.forwardings(DEVICE, sandbox)).map(({ mac, destination }) => `${mac} ${destination}`).sort()

    await links.appendForwarding(entry(FLOOD, '192.0.2.1'), sandbox)
    await links.appendForwarding(entry(FLOOD, '192.0.2.2'), sandbox)
    await links.appendForwarding({ ...entry('02:00:00:00:00:01', '192.0.2.1'), port: 4790, vni: 43 }, sandbox)
    assert.deepEqual(await known(), [`${FLOOD} 192.0.2.1`, `${FLOOD} 192.0.2.2`, '02:00:00:00:00:01 192.0.2.1'])
    const first = (await links.forwardings(DEVICE, sandbox)).find(({ mac }) => mac === '02:00:00:00:00:01')
    assert.deepEqual([first?.port, first?.vni, first?.state, first?.table], [4790, 43, 'permanent', 'self'])

    await links.replaceForwarding(entry('02:00:00:00:00:01', '192.0.2.2'), sandbox)
    await links.deleteForwarding(entry(FLOOD, '192.0.2.1'), sandbox)
    await links.deleteForwarding(entry(FLOOD, '192.0.2.1'), sandbox)
    assert.deepEqual(await known(), [`${FLOOD} 192.0.2.2`, '02:00:00:00:00:01 192.0.2.2'])
    await assert.rejects(links.appendForwarding(entry('02:00', '192.0.2.1'), sandbox), { kind: 'invalid' })
  } finally {
    await close()
  }
})
