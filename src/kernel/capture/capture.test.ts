import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { startTime } from '#kernel/processes/proc.ts'
import { NetworkNamespaces } from '#kernel/sandboxes/enter.ts'
import { testNetworking } from '#kernel/testing/networking.ts'
import { TcpdumpCapture } from './capture.ts'
import { Leftovers } from './leftovers.ts'

const request = {
  filter: '',
  interface: 'any',
  snaplen: 0,
  count: 0,
  format: 'pcap',
  signal: new AbortController().signal,
} as const

test('a machine without tcpdump says what to install', async () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-capture-'))
  const namespaces = new NetworkNamespaces()
  try {
    const capture = new TcpdumpCapture(namespaces, directory, 'berth-no-such-program')
    await assert.rejects(capture.start(request), { kind: 'not-found', message: /install the package tcpdump/ })
  } finally {
    namespaces.close()
    fs.rmSync(directory, { recursive: true })
  }
})

test('a capture sees its namespace only, and ends at its signal with what it has', async () => {
  const { networking, prefix, close } = testNetworking({ poolSize: 0 })
  const sandbox = await networking.sandboxes.create(`${prefix}c`)
  const abort = new AbortController()
  try {
    const packets = await networking.capture.start({ ...request, sandbox, format: 'text', signal: abort.signal })
    assert.equal(await networking.inspector.ping('127.0.0.1', { bytes: 100, timeoutMs: 500, sandbox }), true)
    let text = ''
    for await (const chunk of packets) {
      text += String(chunk)
      if (text.includes('echo reply')) abort.abort()
    }
    assert.match(text, /127\.0\.0\.1 > 127\.0\.0\.1: ICMP echo request/)
    await assert.rejects(networking.capture.start({ ...request, sandbox, filter: '(' }), { kind: 'invalid' })
  } finally {
    await close()
  }
})

test('what a killed daemon left is ended, a stranger with its pid is not', async () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-capture-'))
  const [left, stranger] = [spawn('sleep', ['60']), spawn('sleep', ['60'])]
  const leftovers = new Leftovers(directory)
  try {
    leftovers.note(left.pid!)
    fs.writeFileSync(path.join(directory, String(stranger.pid)), `${startTime(stranger.pid!)}1`)
    const ended = once(left, 'exit')
    leftovers.sweep()
    assert.deepEqual(await ended, [null, 'SIGTERM'])
    assert.equal(stranger.exitCode ?? stranger.signalCode, null)
    assert.deepEqual(fs.readdirSync(directory), [])
  } finally {
    left.kill()
    stranger.kill()
    fs.rmSync(directory, { recursive: true })
  }
})
