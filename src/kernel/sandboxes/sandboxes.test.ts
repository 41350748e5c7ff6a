import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { testNetworking } from '#kernel/testing/networking.ts'

const here = () => fs.readlinkSync('/proc/thread-self/ns/net')

test('work inside a namespace, then home again, also past an error; not nested', async () => {
  const { networking, close } = testNetworking()
  try {
    const sandbox = await networking.sandboxes.create('a')
    const { namespaces } = networking
    const home = here()
    const inode = fs.statSync(sandbox).ino
    assert.equal(namespaces.enter(sandbox, here), `net:[${inode}]`)
    assert.equal(here(), home)
    assert.throws(() => namespaces.enter(sandbox, () => assert.fail('inside')), { message: 'inside' })
    assert.equal(here(), home)
    assert.throws(() => namespaces.enter(sandbox, () => namespaces.enter(sandbox, here)), /already inside/)
    assert.equal(here(), home)
    assert.throws(() => namespaces.enter('/proc/self/ns/uts', here), /invalid argument/)
    assert.equal(namespaces.enter(undefined, here), home)
  } finally {
    await close()
  }
})

test('a sandbox starts from the sysctls of a container, made by the pool or not', async () => {
  for (const poolSize of [0, 2]) {
    const { networking, close } = testNetworking({ poolSize })
    try {
      if (poolSize > 0) await new Promise(resolve => setTimeout(resolve, 120))
      const sandbox = await networking.sandboxes.create('a')
      const read = (key: string) =>
        networking.namespaces.enter(sandbox, () => fs.readFileSync(`/proc/sys/net/${key}`, 'utf8').trim())
      assert.equal(read('ipv4/ip_unprivileged_port_start'), '0')
      assert.equal(read('ipv4/ping_group_range'), '0\t2147483647')
      assert.equal(read('ipv6/conf/default/accept_ra'), '0')
      await networking.links.setSysctl('net.ipv4.ip_forward', '1', sandbox)
      assert.equal(read('ipv4/ip_forward'), '1')
      await assert.rejects(networking.links.setSysctl('kernel.hostname', 'x', sandbox), /not one of the network/)
    } finally {
      await close()
    }
  }
})

test('after kill -9 the pinned sandboxes are there, the ready ones are gone, and a new daemon takes over', async () => {
  const execRoot = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-kill-'))
  const program = `
    import { kernelNetworking } from '#kernel/networking.ts'
    import { silentLogger } from '#lib/log.ts'
    const n = kernelNetworking({ execRoot: ${JSON.stringify(execRoot)}, log: silentLogger, poolSize: 3 })
    await new Promise(resolve => setTimeout(resolve, 150))
    await n.sandboxes.create('kept')
    process.kill(process.pid, 'SIGKILL')`
  const script = path.join(import.meta.dirname, `kill-${path.basename(execRoot)}.ts`)
  fs.writeFileSync(script, program)
  try {
    const child = spawnSync(process.execPath, [script], { encoding: 'utf8' })
    assert.equal(child.signal, 'SIGKILL', child.stderr)
    // A creation that was cut short.
    fs.writeFileSync(path.join(execRoot, 'netns', 'half'), '')
    const { networking, close } = testNetworking({ execRoot })
    try {
      assert.deepEqual(networking.sandboxes.list(), ['kept'])
      const kept = networking.sandboxes.find('kept')
      assert.equal((await networking.links.find('lo', kept))?.up, true)
      assert.deepEqual(fs.readdirSync(path.join(execRoot, 'netns')), ['kept'])
      assert.ok(await networking.sandboxes.create('half'))
      networking.sandboxes.remove('kept')
      await networking.sandboxes.settled()
      assert.deepEqual(networking.sandboxes.list(), ['half'])
    } finally {
      await close()
    }
  } finally {
    fs.rmSync(script)
  }
})

test('a removed sandbox is not held by a mount namespace copied meanwhile', async () => {
  const { networking, execRoot, close } = testNetworking()
  try {
    await networking.sandboxes.create('a')
    const copy = spawnSync(
      'unshare',
      [
        '--mount',
        '--propagation',
        'unchanged',
        'sh',
        '-c',
        'umount "$1"; cat /proc/self/mountinfo',
        'sh',
        `${execRoot}/netns/a`,
      ],
      { encoding: 'utf8' },
    )
    assert.equal(copy.status, 0, copy.stderr)
    // Gone in the copy, hence gone here: the two are peers.
    assert.ok(!copy.stdout.includes(`${execRoot}/netns/a`))
    assert.equal(networking.sandboxes.find('a'), undefined)
  } finally {
    await close()
  }
})

test('ids that are no file names are refused', async () => {
  const { networking, close } = testNetworking({ poolSize: 0 })
  try {
    for (const id of ['', '..', 'a/b', '.x'])
      await assert.rejects(networking.sandboxes.create(id), /is not a sandbox id/)
  } finally {
    await close()
  }
})

test('descriptors do not leak', async () => {
  const { networking, prefix, close } = testNetworking({ poolSize: 0 })
  try {
    const open = () => fs.readdirSync('/proc/self/fd').length
    const round = async (index: number) => {
      const sandbox = await networking.sandboxes.create(`s${index}`)
      await networking.dnsSockets.listen(sandbox, async query => query)
      await networking.dnsSockets.ask('127.0.0.11', Buffer.from('x'), { timeoutMs: 500, sandbox })
      await networking.links.stats(sandbox)
      await networking.firewall.tables(sandbox)
      await assert.rejects(
        networking.links.createVeth({
          hostName: `${prefix}v`,
          bridge: `${prefix}none`,
          sandbox,
          containerName: 'eth0',
          mac: '02:00:00:00:00:01',
          addresses: [],
          routes: [],
        }),
      )
      networking.dnsSockets.close(sandbox)
      networking.sandboxes.remove(`s${index}`)
      await networking.sandboxes.settled()
      await new Promise(resolve => setImmediate(resolve))
    }
    await round(0)
    const before = open()
    for (let index = 1; index < 6; index++) await round(index)
    assert.equal(open(), before)
  } finally {
    await close()
  }
})
