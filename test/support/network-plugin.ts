/**
 * A network and IPAM plugin as others write them, for tests: `node network-plugin.ts SOCKET MOOD-FILE LOG-FILE`. It makes a bridge
 * a network and a veth pair an endpoint with ip(8), in the network namespace that it runs in. What the mood file says decides how it
 * behaves: nothing, `silent`, `garbage` or `refuse`.
 */
import { spawnSync } from 'node:child_process'
import { appendFileSync, readFileSync, rmSync } from 'node:fs'
import http from 'node:http'

type Json = Record<string, unknown>
const [socket, moodFile, logFile] = process.argv.slice(2) as [string, string, string]

const ip = (...args: string[]) => {
  const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`)
}
const short = (id: unknown) => String(id).slice(0, 8)
const bridge = (body: Json) => `pb-${short(body.NetworkID)}`
const gateways = new Map<string, string>()
const taken = new Map<string, Set<string>>()

function take(body: Json): string {
  const pool = taken.get(String(body.PoolID))
  if (!pool) throw new Error(`no pool ${String(body.PoolID)}`)
  const prefix = String(body.PoolID).replace(/0\/24$/, '')
  let address = String(body.Address ?? '')
  for (let last = 1; address === ''; last++) if (!pool.has(`${prefix}${last}`)) address = `${prefix}${last}`
  if (pool.has(address)) throw new Error(`${address} is taken`)
  pool.add(address)
  return `${address}/24`
}

const verbs: Record<string, (body: Json) => Json> = {
  'Plugin.Activate': () => ({ Implements: ['NetworkDriver', 'IpamDriver'] }),
  'NetworkDriver.GetCapabilities': () => ({ Scope: 'local', ConnectivityScope: 'local' }),
  'NetworkDriver.CreateNetwork': body => {
    const [pool] = body.IPv4Data as { Gateway: string }[]
    ip('link', 'add', bridge(body), 'type', 'bridge')
    ip('addr', 'add', pool!.Gateway, 'dev', bridge(body))
    ip('link', 'set', bridge(body), 'up')
    gateways.set(String(body.NetworkID), pool!.Gateway.split('/')[0]!)
    return {}
  },
  'NetworkDriver.DeleteNetwork': body => (ip('link', 'del', bridge(body)), {}),
  'NetworkDriver.CreateEndpoint': body => {
    const given = body.Interface as { MacAddress: string }
    return {
      Interface: given.MacAddress ? {} : { MacAddress: `02:aa:${short(body.EndpointID).match(/../g)!.join(':')}` },
    }
  },
  'NetworkDriver.Join': body => {
    const [outer, inner] = [`po-${short(body.EndpointID)}`, `pi-${short(body.EndpointID)}`]
    ip('link', 'add', outer, 'type', 'veth', 'peer', 'name', inner)
    ip('link', 'set', outer, 'master', bridge(body), 'up')
    return {
      InterfaceName: { SrcName: inner, DstPrefix: 'plug' },
      Gateway: gateways.get(String(body.NetworkID)),
      StaticRoutes: [{ Destination: '10.99.0.0/16', RouteType: 0, NextHop: gateways.get(String(body.NetworkID)) }],
    }
  },
  'NetworkDriver.Leave': () => ({}),
  'NetworkDriver.DeleteEndpoint': body => {
    spawnSync('ip', ['link', 'del', `po-${short(body.EndpointID)}`])
    return {}
  },
  'IpamDriver.GetCapabilities': () => ({ RequiresMACAddress: false }),
  'IpamDriver.GetDefaultAddressSpaces': () => ({ LocalDefaultAddressSpace: 'here', GlobalDefaultAddressSpace: 'all' }),
  'IpamDriver.RequestPool': body => {
    const Pool = String(body.Pool || '10.216.0.0/24')
    taken.set(Pool, new Set())
    return { PoolID: Pool, Pool, Data: {} }
  },
  'IpamDriver.ReleasePool': body => (taken.delete(String(body.PoolID)), {}),
  'IpamDriver.RequestAddress': body => ({ Address: take(body), Data: {} }),
  'IpamDriver.ReleaseAddress': body => (taken.get(String(body.PoolID))?.delete(String(body.Address)), {}),
}

rmSync(socket, { force: true })
http
  .createServer((request, response) => {
    let text = ''
    request.on('data', chunk => (text += String(chunk)))
    request.on('end', () => {
      const verb = String(request.url).slice(1)
      appendFileSync(logFile, `${verb} ${text}\n`)
      const mood = readFileSync(moodFile, 'utf8').trim()
      if (mood === 'silent') return
      if (mood === 'garbage') return void response.end('<html>')
      if (mood === 'refuse') return void response.end('{"Err":"not today"}')
      try {
        response.end(JSON.stringify(verbs[verb]!(JSON.parse(text) as Json)))
      } catch (error) {
        response.end(JSON.stringify({ Err: (error as Error).message }))
      }
    })
  })
  .listen(socket, () => process.stdout.write('ready\n'))
