import type { FlagTable } from './command.ts'

/** `berth [OPTIONS] COMMAND` */
export const GLOBAL_FLAGS = {
  config: { type: 'string', help: 'Location of client config files (default "~/.docker")' },
  context: { type: 'string', short: 'c', help: 'Name of the context to use to connect to the daemon' },
  debug: { type: 'bool', short: 'D', help: 'Enable debug mode: errors show where they come from' },
  host: { type: 'list', short: 'H', help: 'Daemon socket to connect to (default "unix:///run/berth.sock")' },
  'log-level': {
    type: 'string',
    short: 'l',
    default: 'info',
    help: 'Set the logging level ("debug", "info", "warn", "error")',
  },
  tls: { type: 'bool', help: 'Use TLS; implied by --tlsverify' },
  tlscacert: { type: 'string', help: 'Trust certs signed only by this CA (default "~/.docker/ca.pem")' },
  tlscert: { type: 'string', help: 'Path to TLS certificate file (default "~/.docker/cert.pem")' },
  tlskey: { type: 'string', help: 'Path to TLS key file (default "~/.docker/key.pem")' },
  tlsverify: { type: 'bool', help: 'Use TLS and verify the remote' },
  version: { type: 'bool', short: 'v', help: 'Print version information and quit' },
} as const satisfies FlagTable
