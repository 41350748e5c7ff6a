import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Machines } from './machines.ts'
import { until } from './tools.ts'

/**
 * A machine with real file servers: nfs-ganesha (with rpcbind, for version 3) and smbd, on their usual ports. Each has
 * a mount namespace of its own, so that sockets in /run are nobody else's.
 */
export class FileServersMachine {
  readonly directory = mkdtempSync(join(tmpdir(), 'berth-servers-'))
  readonly #machines: Machines
  readonly #machine: string
  readonly #running = new Set<ChildProcess>()

  constructor(machines: Machines, machine: string) {
    this.#machines = machines
    this.#machine = machine
  }

  /** Exports `/a`, and `/srv/b` to version 4 under that name; version 3 knows them by their paths. */
  async nfs(): Promise<{ stop: () => Promise<void>; paths: { a: string; b: string } }> {
    const at = (name: string) => join(this.directory, name)
    const paths = { a: at('nfs-a'), b: at('nfs-b') }
    for (const path of [paths.a, paths.b, at('recovery')]) mkdirSync(path, { recursive: true })
    const share = (id: number, path: string, pseudo: string) =>
      `EXPORT { Export_Id = ${id}; Path = ${path}; Pseudo = ${pseudo}; Access_Type = RW; SecType = sys; FSAL { Name = VFS; } }`
    writeFileSync(
      at('ganesha.conf'),
      [
        'NFS_CORE_PARAM { Protocols = 3, 4; Enable_NLM = false; Enable_RQUOTA = false;',
        'MNT_Port = 20048; allow_set_io_flusher_fail = true; }',
        `NFSv4 { RecoveryRoot = "${at('recovery')}"; Graceless = true; }`,
        share(1, paths.a, '/a'),
        share(2, paths.b, '/srv/b'),
      ].join('\n'),
    )
    const ganesha = `ganesha.nfsd -F -f ${at('ganesha.conf')} -L ${at('ganesha.log')} -p ${at('ganesha.pid')} -N NIV_EVENT`
    const child = this.#spawn(`rpcbind -f & until [ -S /run/rpcbind.sock ]; do sleep 0.1; done; exec ${ganesha}`)
    await until('the NFS server', () => this.#listens(2049), 30_000)
    await until('the MOUNT service', () => this.#listens(20048), 30_000)
    return { stop: () => this.#stop(child, 2049), paths }
  }

  /** Has the share `data`. */
  async smb(): Promise<{ stop: () => Promise<void> }> {
    const at = (name: string) => join(this.directory, name)
    for (const name of ['smb-data', 'smb', 'smb/private']) mkdirSync(at(name), { recursive: true })
    const own = ['lock', 'state', 'cache', 'pid'].map(kind => `${kind} directory = ${at('smb')}`)
    const global = ['[global]', ...own, `private dir = ${at('smb/private')}`, `ncalrpc dir = ${at('smb')}/ncalrpc`]
    const config = [
      ...global,
      `log file = ${at('smb/log')}`,
      'disable netbios = yes',
      'smb ports = 445',
      'load printers = no',
      '[data]',
      `path = ${at('smb-data')}`,
    ]
    writeFileSync(at('smb.conf'), config.join('\n'))
    const child = this.#spawn(`exec smbd --foreground --no-process-group -s ${at('smb.conf')}`)
    await until('the SMB server', () => this.#listens(445), 30_000)
    return { stop: () => this.#stop(child, 445) }
  }

  /** Packets to the port are swallowed. */
  filter(port: number): void {
    const rules = `table inet f { chain i { type filter hook input priority 0; tcp dport ${port} drop; }; }`
    const { code, stderr } = this.#machines.on(this.#machine, ['nft', '-f', '-'], { input: rules })
    if (code !== 0) throw new Error(stderr)
  }

  async remove(): Promise<void> {
    await Promise.all(Array.from(this.#running, child => this.#end(child)))
    rmSync(this.directory, { recursive: true, force: true })
  }

  log(): string {
    return readFileSync(join(this.directory, 'output'), 'utf8')
  }

  #spawn(script: string): ChildProcess {
    const log = openSync(join(this.directory, 'output'), 'a')
    const inside = `mount -t tmpfs tmpfs /run && mkdir -p /run/sendsigs.omit.d && { ${script}; }`
    const net = `--net=${this.#machines.path(this.#machine)}`
    // A pid namespace, so that what it starts ends with it.
    const command = ['unshare', '--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', inside]
    const child = spawn('nsenter', [net, ...command], { stdio: ['ignore', log, log] })
    this.#running.add(child)
    return child
  }

  async #stop(child: ChildProcess, port: number): Promise<void> {
    await this.#end(child)
    await until('its end', () => (this.#listens(port) ? undefined : true))
  }

  async #end(child: ChildProcess): Promise<void> {
    if (!this.#running.delete(child)) return
    const ended = new Promise(resolve => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
  }

  #listens(port: number): true | undefined {
    const { stdout } = this.#machines.on(this.#machine, ['ss', '-ltnH', `sport = :${port}`])
    return stdout.includes(`:${port}`) ? true : undefined
  }
}
