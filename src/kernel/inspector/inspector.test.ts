import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { testNetworking } from '#kernel/testing/networking.ts'

const ip = (...args: string[]) => {
  const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' })
  assert.equal(status, 0, `ip ${args.join(' ')}: ${stderr}`)
}

test('routes, sysctls, rules, probes of a namespace', async () => {
  const { networking: kernel, prefix, close } = testNetworking({ poolSize: 0 })
  const { inspector } = kernel
  const [a, b] = [await kernel.sandboxes.create(`${prefix}a`), await kernel.sandboxes.create(`${prefix}b`)]
  const inside = (path: string, ...command: string[]) => spawn('nsenter', [`--net=${path}`, ...command])
  const run = (path: string, ...command: string[]) => {
    const { status, stderr } = spawnSync('nsenter', [`--net=${path}`, ...command], { encoding: 'utf8' })
    assert.equal(status, 0, `${command.join(' ')}: ${stderr}`)
  }
  try {
    ip('link', 'add', `${prefix}v`, 'type', 'veth', 'peer', 'name', `${prefix}w`)
    for (const [path, device, host] of [
      [a, `${prefix}v`, 1],
      [b, `${prefix}w`, 2],
    ] as const) {
      const holder = inside(path, 'sh', '-c', 'echo entered; exec sleep 60')
      await once(holder.stdout, 'data')
      ip('link', 'set', device, 'netns', String(holder.pid))
      holder.kill()
      await once(holder, 'exit')
      run(path, 'ip', 'addr', 'add', `10.199.7.${host}/24`, 'dev', device)
      run(path, 'ip', 'link', 'set', device, 'up')
    }
    assert.deepEqual(await inspector.routeTo('10.199.7.2', { sandbox: a }), {
      kind: 'unicast',
      device: `${prefix}v`,
      gateway: '',
      source: '10.199.7.1',
    })
    assert.equal((await inspector.routeTo('192.0.2.1', { sandbox: a })).kind, 'none')
    assert.equal((await inspector.routeTo('10.199.7.1', { sandbox: a })).kind, 'local')
    run(a, 'ip', 'route', 'add', 'blackhole', '192.0.2.0/24')
    assert.equal((await inspector.routeTo('192.0.2.1', { sandbox: a })).kind, 'blackhole')
    assert.equal(inspector.sysctl('net.ipv4.ip_unprivileged_port_start', a), '0')
    assert.equal(inspector.sysctl('net.ipv4.no_such_key', a), undefined)
    run(a, 'nft', 'add table ip other; add chain ip other c { type filter hook output priority 0; policy accept; }')
    const { nftables } = (await inspector.ruleset(a)) as { nftables: { chain?: { table: string } }[] }
    assert.deepEqual(
      nftables.flatMap(({ chain }) => chain?.table ?? []),
      ['other'],
    )

    const options = { timeoutMs: 1000, sandbox: a }
    assert.deepEqual(await inspector.connect('10.199.7.2', 8080, options), {
      outcome: 'refused',
      errno: 'ECONNREFUSED',
    })
    const server = inside(
      b,
      process.execPath,
      '-e',
      "require('net').createServer(()=>{}).listen(8080,()=>console.log('up'))",
    )
    await once(server.stdout, 'data')
    assert.equal((await inspector.connect('10.199.7.2', 8080, options)).outcome, 'connected')
    assert.equal((await inspector.connect('192.0.2.9', 80, options)).outcome === 'connected', false)
    run(b, 'nft', 'add table ip t; add chain ip t c { type filter hook input priority 0; policy drop; }')
    assert.equal((await inspector.connect('10.199.7.2', 8080, { ...options, timeoutMs: 100 })).outcome, 'timed-out')
    run(b, 'nft', 'delete table ip t')
    assert.equal(await inspector.ping('10.199.7.2', { ...options, bytes: 1500 }), true)
    run(a, 'ip', 'link', 'set', `${prefix}v`, 'mtu', '1400')
    assert.equal(await inspector.ping('10.199.7.2', { ...options, bytes: 1500 }), false)
    assert.equal(await inspector.ping('10.199.7.2', { ...options, bytes: 1400 }), true)
    const [listener] = (await inspector.listeners(b)).filter(one => one.port === 8080)
    assert.deepEqual([listener?.address, listener?.v6only, listener?.waiting, listener?.backlog], ['::', false, 0, 511])
    server.kill()
    await once(server, 'exit')
  } finally {
    await close()
  }
})
