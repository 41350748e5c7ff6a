import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { test } from 'node:test'

const ROOT = new URL('../..', import.meta.url).pathname

test(
  'the demo runs to its end, chooses another port when its own is taken, and leaves nothing',
  {
    timeout: 900_000,
  },
  async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    try {
      const env = { ...process.env, SHOP_PORT: String(port), NODE_TEST_CONTEXT: undefined }
      const demo = spawn('sh', ['scripts/demo.sh'], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] })
      let text = ''
      for (const stream of [demo.stdout, demo.stderr]) {
        stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      }
      const [code] = (await once(demo, 'close')) as [number]
      assert.equal(code, 0, text)
      const chosen = new RegExp(`Port ${port} is taken: the shop opens at port (\\d+)`).exec(text)?.[1]
      const answers = text.match(
        new RegExp(`GET http://127\\.0\\.0\\.1:${chosen}/items\\n  200 .*"tea".*"biscuits".*`, 'g'),
      )
      assert.equal(answers?.length, 2, text)
      assert.match(text, /Done: nothing is left behind\.\n$/)
    } finally {
      taken.close()
    }
    assert.equal(existsSync('/run/berth-demo'), false)
    assert.equal(existsSync('/var/lib/berth-demo'), false)
  },
)
