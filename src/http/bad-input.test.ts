import assert from 'node:assert/strict'
import { test } from 'node:test'
import { badRequests } from './testing/bad-requests.ts'
import { testServer } from './testing/test-server.ts'

test('wrong requests are refused with the right status and words, before the engine is asked for anything', async t => {
  // The fakes throw for whatever would change something: such a request shows as 500.
  await using api = await testServer()
  for (const { method, path, body, headers, status, message } of badRequests) {
    const label = `${method} ${path} ${typeof body === 'string' ? body.slice(0, 60) : (JSON.stringify(body) ?? '')}`
    await t.test(label, async () => {
      const answer = await api.call(method, path, body, headers)
      assert.equal(answer.status, status, answer.text)
      assert.match(String(answer.headers['content-type']), /^application\/json/)
      assert.match((JSON.parse(answer.text) as { message: string }).message, message)
    })
  }
  assert.equal((await api.call('GET', '/_ping')).status, 200)
})
