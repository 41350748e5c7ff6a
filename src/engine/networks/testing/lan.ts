import { execFile, spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { promisify } from 'node:util'

/** Runs a command to its end; throws with its words when it fails. */
export function sh(command: string): string {
  const { status, stdout, stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command}: ${stderr || stdout}`)
  return stdout
}

/**
 * A machine with a local network, in the network namespace of this process (which must be a fresh one): `lan0` with
 * 192.0.2.1, and behind it a client with 192.0.2.9 that routes everything by us.
 */
export function lan() {
  const children: ChildProcess[] = []
  const pause = spawn('unshare', ['-n', 'cat'], { stdio: ['pipe', 'ignore', 'ignore'] })
  children.push(pause)
  const client = `/proc/${pause.pid}/ns/net`
  const ours = sh('readlink /proc/self/ns/net').trim()
  while (sh(`readlink ${client}`).trim() === ours) sh('sleep 0.01')
  sh(`ip link set lo up
    ip link add lan0 type veth peer name lan0 netns ${pause.pid}
    ip addr add 192.0.2.1/24 dev lan0 && ip -6 addr add fd00:2::1/64 dev lan0 nodad && ip link set lan0 up
    ip route add default via 192.0.2.9
    nsenter --net=${client} sh -c 'ip link set lo up; ip addr add 192.0.2.9/24 dev lan0
      ip -6 addr add fd00:2::9/64 dev lan0 nodad; ip link set lan0 up; ip route add default via 192.0.2.1
      ip -6 route add default via fd00:2::1; echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet'`)
  const inside = (namespace: string, args: string[]) =>
    namespace === '' ? ([args[0]!, args.slice(1)] as const) : (['nsenter', [`--net=${namespace}`, ...args]] as const)

  return {
    client,
    /** Answers each connection and datagram on a port with the asker's address. Resolves when it listens. */
    async serve(namespace: string, port: number, word = ''): Promise<void> {
      // Children end with their stdin, so that none outlives a test that was killed.
      const script = `
        process.stdin.on('end', () => process.exit()).resume()
        const say = a => '${word}' + a.replace('::ffff:', '')
        require('net').createServer(s => s.on('error', () => {}).end(say(s.remoteAddress))).listen(${port}, '::', () => {
          const u = require('dgram').createSocket('udp6')
          u.on('message', (m, r) => u.send(say(r.address), r.port, r.address)).bind(${port}, () => console.log('up'))
        })`
      const [command, args] = inside(namespace, [process.execPath, '-e', script])
      const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'ignore'] })
      children.push(child)
      await new Promise(resolve => child.stdout.once('data', resolve))
    },
    /** What a server says to somebody in a namespace ('' is the machine itself); '' when nobody answers in half a second. */
    ask(namespace: string, host: string, port: number, protocol: 'tcp' | 'udp' = 'tcp'): string {
      const script =
        protocol === 'tcp'
          ? `const s = require('net').connect(${port}, '${host}'); s.on('data', d => process.stdout.write(d)); s.on('error', () => {}); setTimeout(() => process.exit(), 500).unref(); s.on('close', () => process.exit())`
          : `const u = require('dgram').createSocket('udp${host.includes(':') ? 6 : 4}'); u.on('message', m => { process.stdout.write(m); process.exit() }); u.send('x', ${port}, '${host}'); u.on('error', () => process.exit()); setTimeout(() => process.exit(), 500)`
      const [command, args] = inside(namespace, [process.execPath, '-e', script])
      return spawnSync(command, args, { encoding: 'utf8', timeout: 5000 }).stdout
    },
    /** The data of the answers, or the status when there are none. Not blocking: this process is the server. */
    async dig(namespace: string, ...args: string[]): Promise<string[]> {
      const words = ['dig', '@127.0.0.11', '+tries=1', '+time=3', ...args]
      const { stdout } = await promisify(execFile)('nsenter', [`--net=${namespace}`, ...words])
      const answers = stdout.split('\n').filter(line => /^[^;\s].*\sIN\s/.test(line))
      const status = /status: (\w+)/.exec(stdout)?.[1] ?? 'no answer'
      return answers.length > 0 ? answers.map(line => line.split(/\s+/).at(-1)!) : [status]
    },
    close() {
      for (const child of children) child.kill('SIGKILL')
    },
  }
}
