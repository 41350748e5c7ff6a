/**
 * Prints what of the host a container engine can leave behind, one item a line, so that two runs can be compared:
 * interfaces, namespaces, nftables tables, mounts, cgroups, processes of the engine and its sockets.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'

const lines: string[] = []
const add = (kind: string, items: string[]) => lines.push(...items.map(item => `${kind} ${item}`))

add('interface', readdirSync('/sys/class/net'))
add('netns', existsSync('/run/netns') ? readdirSync('/run/netns') : [])
try {
  add('nft', execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' }).trim().split('\n').filter(Boolean))
} catch {
  // No nft yet: then there is no table of ours either.
}
add(
  'mount',
  readFileSync('/proc/self/mountinfo', 'utf8')
    .trim()
    .split('\n')
    .map(line => line.split(' ')[4]!),
)
add('cgroup', globSync('/sys/fs/cgroup/{,*/}berth*'))
for (const pid of readdirSync('/proc').filter(name => /^\d+$/.test(name))) {
  try {
    const exe = readlinkSync(`/proc/${pid}/exe`)
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
    if (/\/(conmon|crun|runc)$/.test(exe) || /daemon\/main\.ts/.test(command)) add('process', [command])
  } catch {
    // It ended while we looked.
  }
}
add('socket', globSync('/run/berth*'))
process.stdout.write(`${lines.sort().join('\n')}\n`)
