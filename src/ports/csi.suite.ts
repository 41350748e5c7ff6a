import assert from 'node:assert/strict'
import { describe } from 'node:test'
import type { Csi } from '#ports/csi.ts'
import { eachAnew } from '#ports/testing/each-anew.ts'

const CAPABILITY = { mount: { fs_type: 'ext4', mount_flags: ['noatime'] }, access_mode: { mode: 'SINGLE_NODE_WRITER' } }
const SOON = { timeoutMs: 10_000 }

/** What every `Csi` owes its callers. There is one driver, `shelf.test`: that of `testing/csi-model.ts`. */
export function csiSuite(name: string, make: () => Promise<{ csi: Csi; close(): Promise<void> }>): void {
  describe(`csi: ${name}`, () => {
    const it = eachAnew(make)

    it('finds drivers by name', async ({ csi }) => {
      assert.deepEqual(await csi.list(), ['shelf.test'])
      assert.equal(await csi.has('shelf.test'), true)
      for (const absent of ['other', '../shelf.test', 'shelf.test/', '', 'shelf.test.controller'])
        assert.equal(await csi.has(absent), false, absent)
      await assert.rejects(csi.call('other', 'Identity.Probe', {}, SOON), {
        kind: 'not-found',
        message: /csi driver "other" not found/,
      })
    })

    it('carries texts, numbers beyond 32 bits, maps, lists and choices both ways', async ({ csi }) => {
      assert.deepEqual(await csi.call('shelf.test', 'Identity.GetPluginInfo', {}, SOON), {
        name: 'shelf.test',
        vendor_version: '1.2.3',
        manifest: {},
      })
      const node = await csi.call('shelf.test', 'Node.NodeGetInfo', {}, SOON)
      assert.deepEqual(node.accessible_topology, { segments: { 'shelf.test/zone': 'z1' } })
      const { volume } = await csi.call(
        'shelf.test',
        'Controller.CreateVolume',
        {
          name: 'one',
          capacity_range: { required_bytes: 5_000_000_000 },
          volume_capabilities: [CAPABILITY],
          parameters: { tier: 'fast', grüße: 'ja' },
          secrets: {},
        },
        SOON,
      )
      assert.equal(volume!.capacity_bytes, 5_000_000_000)
      assert.deepEqual(volume!.volume_context, { made: 'by shelf' })
      const copy = await csi.call(
        'shelf.test',
        'Controller.CreateVolume',
        {
          name: 'two',
          volume_capabilities: [CAPABILITY],
          parameters: {},
          secrets: {},
          volume_content_source: { volume: { volume_id: volume!.volume_id } },
        },
        SOON,
      )
      assert.equal(copy.volume!.volume_id, 'vol-two')
      const { capabilities } = await csi.call('shelf.test', 'Node.NodeGetCapabilities', {}, SOON)
      assert.ok(capabilities.some(one => one.rpc?.type === 'STAGE_UNSTAGE_VOLUME'))
      const { ready } = await csi.call('shelf.test', 'Identity.Probe', {}, SOON)
      assert.equal(ready!.value, true)
    })

    it('hands over the driver’s words and code', async ({ csi }) => {
      const gone = { volume_id: 'vol-none', target_path: '/x' }
      await assert.rejects(csi.call('shelf.test', 'Node.NodeUnpublishVolume', gone, SOON), {
        kind: 'system',
        message: 'csi driver "shelf.test": NodeUnpublishVolume: no volume vol-none (NOT_FOUND)',
        details: { code: 'NOT_FOUND', reason: 'no volume vol-none' },
      })
    })
  })
}
