import assert from 'node:assert/strict'
import fs from 'node:fs'
import { test } from 'node:test'
import { testNetworking } from '#kernel/testing/networking.ts'

test('a daemon with over a thousand open files still runs scripts in sandboxes', async () => {
  const { networking, close } = testNetworking()
  const many: number[] = []
  try {
    for (let i = 0; i < 1100; i++) many.push(fs.openSync('/dev/null', 'r'))
    for (let i = 0; i < 30; i++) {
      const sandbox = await networking.sandboxes.create(`low${i}`)
      await networking.firewall.apply('add table inet berth-low', sandbox)
      await networking.firewall.apply('delete table inet berth-low', sandbox)
      assert.deepEqual(await networking.firewall.tables(sandbox), [])
      networking.sandboxes.remove(`low${i}`)
    }
  } finally {
    for (const fd of many) fs.closeSync(fd)
    await close()
  }
})
