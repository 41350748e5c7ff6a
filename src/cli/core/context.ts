import { homedir } from 'node:os'
import { DEFAULT_SOCKET, EngineClient, parseHost, type Endpoint, type TlsFiles } from '#client/index.ts'
import { CliError } from './command.ts'
import { readConfig, type CliConfig } from './config.ts'

/** What `berth [OPTIONS]` says before the command. */
export interface Globals {
  host: string
  /** True when nobody asked for a particular host: only then may a daemon be started. */
  hostIsDefault: boolean
  tls?: TlsFiles
  configDirectory: string
  debug: boolean
}

/** All that a command may touch. */
export interface Context {
  /** `berth` */
  readonly program: string
  readonly globals: Globals
  readonly env: NodeJS.ProcessEnv
  readonly stdin: NodeJS.ReadStream
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  /** Connected on first use. */
  readonly client: EngineClient
  /** `config.json` of the user, read on first use. */
  readonly config: CliConfig
  readonly endpoint: Endpoint
  /** Columns of the terminal that stdout is; undefined when it is none. */
  readonly columns: number | undefined
  /** Colours wanted: a terminal, and no NO_COLOR. */
  readonly colour: boolean
  print(line: string): void
  warn(line: string): void
}

export function globalsFrom(
  flags: Record<string, unknown>,
  changed: ReadonlySet<string>,
  env: NodeJS.ProcessEnv,
): Globals {
  const hosts = flags['host'] as string[]
  if (hosts.length > 1) throw new CliError('specify only one -H')
  const context = flags['context'] as string
  if (context !== '' && context !== 'default') {
    throw new CliError(
      `context "${context}": context not found: berth has the context "default" only; name the daemon with -H or BERTH_HOST`,
    )
  }
  const named = hosts[0] ?? (env['BERTH_HOST'] || env['DOCKER_HOST'] || undefined)
  const configDirectory = (flags['config'] as string) || env['DOCKER_CONFIG'] || `${env['HOME'] || homedir()}/.docker`
  const verify = changed.has('tlsverify') ? (flags['tlsverify'] as boolean) : (env['DOCKER_TLS_VERIFY'] ?? '') !== ''
  const path = (name: string) => (flags[name] as string) || undefined
  const wanted = verify || flags['tls'] === true || ['tlscacert', 'tlscert', 'tlskey'].some(name => changed.has(name))
  return {
    host: named ?? `unix://${DEFAULT_SOCKET}`,
    hostIsDefault: named === undefined,
    tls: wanted
      ? {
          verify,
          ca: path('tlscacert'),
          cert: path('tlscert'),
          key: path('tlskey'),
          certDirectory: env['DOCKER_CERT_PATH'] || configDirectory,
        }
      : undefined,
    configDirectory,
    debug: flags['debug'] === true,
  }
}

export function createContext(globals: Globals): Context {
  let client: EngineClient | undefined
  let config: CliConfig | undefined
  let endpoint: Endpoint | undefined
  return {
    program: 'berth',
    globals,
    env: process.env,
    // Opened when asked for: each takes milliseconds.
    get stdin() {
      return process.stdin
    },
    get stdout() {
      return process.stdout
    },
    get stderr() {
      return process.stderr
    },
    get endpoint() {
      return (endpoint ??= parseHost(globals.host, globals.tls))
    },
    get client() {
      return (client ??= new EngineClient(this.endpoint, {
        headers: { 'User-Agent': 'berth', ...this.config.httpHeaders },
        onUnreachable: globals.hostIsDefault ? startDaemon : undefined,
      }))
    },
    get config() {
      return (config ??= readConfig(globals.configDirectory))
    },
    get columns() {
      return process.stdout.isTTY ? process.stdout.columns : undefined
    },
    get colour() {
      return process.stdout.isTTY === true && !process.env['NO_COLOR']
    },
    print: line => void process.stdout.write(`${line}\n`),
    warn: line => void process.stderr.write(`${line}\n`),
  }
}

async function startDaemon(): Promise<boolean> {
  const { startDetached } = await import('./start-daemon.ts')
  return startDetached()
}
