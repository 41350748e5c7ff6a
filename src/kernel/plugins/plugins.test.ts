import assert from 'node:assert/strict'
import { once } from 'node:events'
import fs from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { KernelPlugins } from './plugins.ts'

const http = process.getBuiltinModule('node:http')

async function withPlugin(
  answer: (request: IncomingMessage, response: ServerResponse, body: string) => void,
  body: (t: { plugins: KernelPlugins; directory: string; socket: string }) => Promise<void>,
) {
  const directory = fs.mkdtempSync(path.join(tmpdir(), 'berth-plugins-'))
  const socket = path.join(directory, 'tester.sock')
  const server = http.createServer((request, response) => {
    let text = ''
    request.on('data', chunk => (text += String(chunk)))
    request.on('end', () => answer(request, response, text))
  })
  server.listen(socket)
  await once(server, 'listening')
  const plugins = new KernelPlugins({ sockets: [directory], specs: [path.join(directory, 'specs')] }, 300)
  try {
    await body({ plugins, directory, socket })
  } finally {
    server.closeAllConnections()
    server.close()
    fs.rmSync(directory, { recursive: true, force: true })
  }
}

test('a plugin is found by its socket, by a .spec and by a .json, and asked', async () => {
  const seen: string[] = []
  const answer = (request: IncomingMessage, response: ServerResponse, body: string) => {
    seen.push(`${request.method} ${request.url} ${request.headers.accept} ${body}`)
    response.end('{"Implements":["NetworkDriver"]}')
  }
  await withPlugin(answer, async ({ plugins, directory, socket }) => {
    fs.mkdirSync(path.join(directory, 'specs'))
    fs.writeFileSync(path.join(directory, 'specs/by-spec.spec'), `unix://${socket}\n`)
    fs.writeFileSync(
      path.join(directory, 'specs/by-json.json'),
      JSON.stringify({ Name: 'x', Addr: `unix://${socket}` }),
    )
    fs.writeFileSync(path.join(directory, 'specs/broken.json'), '{')
    for (const name of ['tester', 'tester:latest', 'by-spec', 'by-json']) {
      assert.deepEqual(await plugins.activate(name), ['NetworkDriver'])
    }
    assert.equal(seen[0], 'POST /Plugin.Activate application/vnd.docker.plugins.v1.2+json {}')
    assert.deepEqual(await plugins.list(), ['broken', 'by-json', 'by-spec', 'tester'])
    await assert.rejects(plugins.activate('broken'), { kind: 'system', message: /broken\.json is not understood/ })
    for (const name of ['absent', '../tester', 'a/../tester', '']) {
      await assert.rejects(plugins.activate(name), { kind: 'not-found', message: `plugin "${name}" not found` })
    }
  })
})

test('whatever a plugin does, the caller hears of it, by its name and in time', async () => {
  const ways: [string, (response: ServerResponse) => void, RegExp][] = [
    ['Err', r => r.end('{"Err":"no room"}'), /^plugin "tester" refuses X\.Y: no room$/],
    ['Err and 500', r => r.writeHead(500).end('{"Err":"no room"}'), /refuses X\.Y: no room$/],
    ['plain 404', r => r.writeHead(404).end('404 page not found'), /refuses X\.Y: status 404: 404 page not found$/],
    ['garbage', r => r.end('<html>'), /answers X\.Y with something that is no JSON object$/],
    ['an array', r => r.end('[]'), /no JSON object$/],
    ['silence', () => {}, /does not answer X\.Y: nothing within 0\.3 seconds$/],
    ['half an answer', r => void r.writeHead(200, { 'Content-Length': '99' }).write('{'), /nothing within/],
    [
      'a broken one',
      r => (r.writeHead(200, { 'Content-Length': '99' }).write('{'), r.socket!.destroy()),
      /does not answer/,
    ],
    ['a flood', r => r.end(Buffer.alloc(2 << 20, 32)), /more than 1048576 bytes$/],
  ]
  let way = ways[0]!
  await withPlugin(
    (_request, response) => way[1](response),
    async ({ plugins, socket }) => {
      for (way of ways) {
        await assert.rejects(plugins.call('tester', 'X.Y', {}), { kind: 'system', message: way[2] }, way[0])
      }
      fs.renameSync(socket, `${socket}-`)
      await assert.rejects(plugins.call('tester', 'X.Y', {}), { kind: 'not-found' })
    },
  )
})

test('a socket that nobody listens at is an error at once', async () => {
  await withPlugin(
    (_request, response) => response.end(''),
    async ({ plugins, directory }) => {
      assert.deepEqual(await plugins.call('tester', 'X.Y', {}), {})
      const dead = http.createServer().listen(path.join(directory, 'other.sock'))
      await once(dead, 'listening')
      fs.linkSync(path.join(directory, 'other.sock'), path.join(directory, 'dead.sock'))
      dead.close()
      await assert.rejects(plugins.activate('dead'), {
        kind: 'system',
        message: /"dead" does not answer .*ECONNREFUSED/,
      })
    },
  )
})
