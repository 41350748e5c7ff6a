import { CliError, defineCommand, type FlagSpec } from '../core/command.ts'
import { daemonCommand } from '../core/start-daemon.ts'

const FLAGS = {
  bip: { type: 'string', help: 'Subnet of the default network with its gateway (172.17.0.1/16)' },
  bridge: { type: 'string', short: 'b', help: "Name of the default network's bridge" },
  'config-file': {
    type: 'string',
    help: 'Daemon configuration file (default "/etc/berth/daemon.json")',
    complete: 'file',
  },
  'data-root': { type: 'string', help: 'Root directory of persistent state (default "/var/lib/berth")' },
  'default-address-pool': {
    type: 'list',
    help: 'Where the subnets of new networks are taken from (base=10.0.0.0/8,size=24)',
  },
  dns: { type: 'list', help: 'DNS server of containers that name none' },
  'dns-opt': { type: 'list', help: 'DNS option of containers that name none' },
  'dns-search': { type: 'list', help: 'DNS search domain of containers that name none' },
  debug: { type: 'bool', short: 'D', help: 'Enable debug mode' },
  'exec-root': { type: 'string', help: 'Root directory for execution state files (default "/run/berth")' },
  firewall: {
    type: 'string',
    default: 'host',
    help: "Who decides about packets of containers: the host's firewall too (host), or Berth alone (docker)",
    complete: ['host', 'docker'],
  },
  group: { type: 'string', short: 'G', help: 'Group for the unix socket (default "docker")' },
  host: { type: 'list', short: 'H', help: 'Daemon socket(s) to listen on (default unix:///run/berth.sock)' },
  icc: { type: 'string', help: 'Let containers of the default network reach each other (true, false)' },
  ip: { type: 'string', help: 'Host address for ports published without one on the default network' },
  'ip-forward-no-drop': {
    type: 'bool',
    help: 'Let the host forward between its other networks where Berth turned forwarding on',
  },
  'insecure-registry': { type: 'list', help: 'Registry to speak plain HTTP, or HTTPS without a known certificate, to' },
  mtu: { type: 'string', help: 'Largest packet of networks that say nothing themselves, in bytes' },
  pidfile: { type: 'string', short: 'p', help: 'Path to use for the daemon PID file (default "/run/berth/berth.pid")' },
  'registry-mirror': { type: 'list', help: 'Preferred registry mirror' },
  tls: { type: 'bool', help: 'Use TLS; implied by --tlsverify' },
  tlscacert: { type: 'string', help: 'Trust certs signed only by this CA', complete: 'file' },
  tlscert: { type: 'string', help: 'Path to TLS certificate file', complete: 'file' },
  tlskey: { type: 'string', help: 'Path to TLS key file', complete: 'file' },
  tlsverify: { type: 'bool', help: 'Use TLS and verify the remote' },
} as const satisfies Record<string, FlagSpec>

export const command = defineCommand({
  usage: '[OPTIONS]',
  args: [0, 0],
  description: `Run the daemon in the foreground

Containers outlive it: stopping or killing the daemon leaves them running, and the next one takes over.`,
  flags: FLAGS,
  async run(_context, { flags, changed }) {
    if (process.getuid?.() !== 0) throw new CliError('the daemon needs root: run `sudo berth daemon`')
    const { file, args, env } = daemonCommand()
    // This process becomes the daemon: its parent's signals reach it, and nothing stays behind to hold memory.
    process.execve!(file, [file, ...args, ...daemonArguments(flags, changed)], env)
  },
})

/** The flags that were given, in the daemon's own spelling. */
export function daemonArguments(flags: Record<string, unknown>, changed: ReadonlySet<string>): string[] {
  const words: string[] = []
  for (const name of Array.from(changed).sort()) {
    const value = flags[name]
    if (value === true) words.push(`--${name}`)
    else if (Array.isArray(value)) for (const item of value as string[]) words.push(`--${name}=${item}`)
    else if (typeof value === 'string') words.push(`--${name}=${value}`)
  }
  return words
}
