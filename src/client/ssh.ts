import { BerthError, invalid } from '#lib/errors.ts'

/** An Engine API at the far end of `ssh`, as Docker's clients mean it: `dial-stdio` there speaks for the socket. */
export interface SshEndpoint {
  kind: 'ssh'
  /** '' leaves it to ssh's configuration. */
  user: string
  host: string
  /** 0 leaves it to ssh's configuration. */
  port: number
  /** Of the daemon on the far side; '' for its usual one. */
  socket: string
}

/**
 * `ssh://[user@]host[:port][/socket]`.
 * @throws invalid
 */
export function parseSshHost(host: string): SshEndpoint {
  const refuse = (reason: string) =>
    invalid(`unable to parse docker host \`${host}\`: ${reason}: write ssh://[user@]host[:port][/socket]`)
  const match = /^ssh:\/\/(?:([^@/]*)@)?(\[[^\]/]+\]|[^:/@?#]*)(?::(\d*))?(\/[^?#]*)?(.*)$/.exec(host)
  if (!match) throw refuse('this is no host')
  const [, user = '', name = '', port = '', path = '', rest = ''] = match
  if (user.includes(':')) throw refuse('plain-text password is not supported')
  if (rest !== '')
    throw refuse(rest.startsWith('?') ? 'query parameters are not allowed' : 'something follows the host')
  const bare = name.replace(/^\[|\]$/g, '')
  if (bare === '') throw refuse('host is empty')
  if (/[\s\0]/.test(host)) throw refuse('spaces are not allowed')
  // Behind `--` it would still be one: nothing that ssh could take for an option.
  if (bare.startsWith('-') || user.startsWith('-')) throw refuse('neither user nor host may begin with a dash')
  if (Number(port) > 65_535) throw refuse(`there is no port ${port}`)
  return { kind: 'ssh', user, host: bare, port: Number(port), socket: path.replace(/^\/+$/, '') }
}

export function describeSshHost({ user, host, port, socket }: SshEndpoint): string {
  const name = host.includes(':') ? `[${host}]` : host
  return `ssh://${user === '' ? '' : `${user}@`}${name}${port === 0 ? '' : `:${port}`}${socket}`
}

/** Exit code of a far side that has neither program. */
const NEITHER = 121

/** What ssh is told besides the user's configuration: a link that is dead is noticed within ten seconds. */
const OPTIONS = {
  ConnectTimeout: '10',
  ServerAliveInterval: '3',
  ServerAliveCountMax: '3',
  ClearAllForwardings: 'yes',
  ForwardAgent: 'no',
  ForwardX11: 'no',
  // A login shell's banner and host key notices are none of ours; errors are.
  LogLevel: 'ERROR',
}

/** Logs in and shares the connection over a socket at `control`. */
export function shareArguments(endpoint: SshEndpoint, control: string): string[] {
  return [
    ...commonArguments(endpoint, { ControlMaster: 'yes', ControlPersist: 'no' }, control),
    '-N',
    '--',
    endpoint.host,
  ]
}

/** One connection to the daemon, over the shared one. */
export function dialArguments(endpoint: SshEndpoint, control: string): string[] {
  return [
    ...commonArguments(endpoint, { ControlMaster: 'no' }, control),
    '--',
    endpoint.host,
    remoteCommand(endpoint.socket),
  ]
}

function commonArguments({ user, port }: SshEndpoint, more: Record<string, string>, control: string): string[] {
  // Percent signs are ssh's.
  const options = { ...OPTIONS, ...more, ControlPath: control.replaceAll('%', '%%') }
  return [
    '-T',
    ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
    ...(user === '' ? [] : ['-l', user]),
    ...(port === 0 ? [] : ['-p', String(port)]),
  ]
}

/** For any login shell there: Berth's `dial-stdio`, else Docker's. */
function remoteCommand(socket: string): string {
  const at = socket === '' ? '' : ` -H ${quote(`unix://${socket}`)}`
  const dial = ['berth', 'docker'].map(
    program => `command -v ${program} >/dev/null 2>&1 && exec ${program}${at} system dial-stdio`,
  )
  return `sh -c ${quote([...dial, `exit ${NEITHER}`].join('; '))}`
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

/** Why there is no connection, in ssh's own words and with the way out. */
export function sshError(address: string, code: number | null, stderr: string, ssh: string): BerthError {
  // What a master connection says to its own kind is no reason.
  const said = stderr
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !/^(mux_client|ControlSocket|Warning: Permanently added)/.test(line))
    .join('; ')
  const details = { connection: true, ssh: code }
  const fail = (message: string, kind: 'unavailable' | 'unauthenticated' = 'unavailable') =>
    new BerthError(kind, message, { details })
  if (code === NEITHER) {
    return fail(
      `cannot connect to ${address}: neither berth nor docker is in the PATH there: install berth on that host`,
    )
  }
  if (code === 127 && stderr.includes(ssh) && !stderr.includes('system dial-stdio')) {
    return fail(`cannot connect to ${address}: the program ${ssh} is not here: install openssh-client`)
  }
  if (code === 255 && /permission denied|too many authentication failures/i.test(said)) {
    return fail(
      `cannot connect to ${address}: ${said}: ssh must get in without asking: use a key (ssh-copy-id) or an agent`,
      'unauthenticated',
    )
  }
  if (code === 255 && /host key verification failed/i.test(said)) {
    return fail(`cannot connect to ${address}: ${said}: connect once with ssh and accept the key of that host`)
  }
  if (said !== '') return fail(`cannot connect to ${address}: ${said}`)
  return fail(`the connection to ${address} broke`)
}
