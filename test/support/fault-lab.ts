import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Explanation } from '#model/explain.ts'
import type { ContainerCreateRequest } from '#wire/index.ts'
import { inside, started } from './containers.ts'
import { TestDaemon } from './daemon.ts'
import { Machines } from './machines.ts'
import { until } from './tools.ts'

export const SERVE = ['httpd', '-f', '-p', '80']

/** One daemon on a machine of its own, with everything at hand that breaks a network. */
export class FaultLab {
  readonly machines = new Machines()
  readonly daemon: TestDaemon
  /** Another machine on the wire. */
  readonly client: { address: string; address6: string }
  readonly flags: string
  readonly #programs: ChildProcess[] = []

  constructor() {
    this.client = this.machines.add('client')
    this.daemon = new TestDaemon([], { netns: this.machines.path() })
    this.flags = mkdtempSync(join(tmpdir(), 'berth-flags-'))
  }

  async dispose(): Promise<void> {
    for (const program of this.#programs) program.kill('SIGKILL')
    await this.daemon.dispose()
    this.machines.remove()
    rmSync(this.flags, { recursive: true, force: true })
  }

  async network(name: string, subnet: string, options: { internal?: boolean; icc?: boolean } = {}): Promise<void> {
    await this.daemon.client.networks.create({
      Name: name,
      Internal: options.internal ?? false,
      IPAM: { Config: [{ Subnet: subnet }] },
      Options: options.icc === false ? { 'com.docker.network.bridge.enable_icc': 'false' } : {},
    })
  }

  /** A container on some networks, the first of which it is made with. */
  async container(
    name: string,
    networks: string[],
    command: string[] = SERVE,
    request: ContainerCreateRequest = {},
  ): Promise<string> {
    const { HostConfig = {}, ...rest } = request
    const id = await started(this.daemon, name, command, {
      StopSignal: 'SIGKILL',
      ...rest,
      HostConfig: { NetworkMode: networks[0]!, ...HostConfig },
    })
    for (const network of networks.slice(1)) await this.daemon.client.networks.connect(network, name)
    return id
  }

  async pid(container: string): Promise<number> {
    return (await this.daemon.client.containers.inspect(container)).State.Pid
  }

  async address(container: string, network: string): Promise<string> {
    const { NetworkSettings } = await this.daemon.client.containers.inspect(container)
    return NetworkSettings.Networks[network]!.IPAddress
  }

  /** Host end of a container's wire. */
  async port(container: string, network: string): Promise<string> {
    const { NetworkSettings } = await this.daemon.client.containers.inspect(container)
    return `veth${NetworkSettings.Networks[network]!.EndpointID.slice(0, 11)}`
  }

  /** Name of the interface inside. */
  async device(container: string, network: string): Promise<string> {
    const address = await this.address(container, network)
    const list = await this.within(container, 'ip', '-o', '-4', 'addr')
    return list
      .split('\n')
      .find(line => line.includes(` ${address}/`))!
      .split(/\s+/)[1]!
  }

  async bridge(network: string): Promise<string> {
    return `br-${(await this.daemon.client.networks.inspect(network)).Id.slice(0, 12)}`
  }

  /** Runs a program of this machine in a container's network. */
  async within(container: string, ...command: string[]): Promise<string> {
    return run(['nsenter', '-t', String(await this.pid(container)), '-n', ...command])
  }

  /** Runs a program in the network of the daemon's machine. */
  host(...command: string[]): string {
    return run(['nsenter', `--net=${this.machines.path()}`, ...command])
  }

  /** Runs a shell line in a container. */
  async shell(container: string, line: string): Promise<void> {
    const { code, stderr } = await inside(this.daemon, container, 'sh', '-c', line)
    assert.equal(code, 0, `${line}: ${stderr}`)
  }

  /** Starts a program in somebody's network, and waits until the port is taken. @returns what ends it */
  async listen(where: string, command: string[], port: number, kind: 't' | 'u' = 't'): Promise<() => void> {
    const net = await this.#net(where)
    const child = spawn('nsenter', [...net, ...command], { stdio: 'ignore' })
    this.#programs.push(child)
    await until(`${command.join(' ')} listens`, () => {
      const list = spawnSync('nsenter', [...net, 'ss', `-${kind}Hln`, `sport = :${port}`], { encoding: 'utf8' }).stdout
      return list.trim() === '' ? undefined : true
    })
    return () => void child.kill('SIGKILL')
  }

  async #net(where: string): Promise<string[]> {
    if (where === 'the host') return [`--net=${this.machines.path()}`]
    if (where === 'the client') return [`--net=${this.machines.path('client')}`]
    return ['-t', String(await this.pid(where)), '-n']
  }

  /** The container runs and its port 80 is open. */
  async serves(container: string): Promise<void> {
    await until(`${container} serves`, async () => {
      const pid = await this.pid(container)
      if (pid === 0) return undefined
      const { stdout } = spawnSync('nsenter', ['-t', String(pid), '-n', 'ss', '-tHln', 'sport = :80'], {
        encoding: 'utf8',
      })
      return stdout.trim() === '' ? undefined : true
    })
  }

  /** `db:80`, `db:53/udp` */
  async explain(from: string, target: string): Promise<Explanation & { ms: number }> {
    const [, to = '', port = '0', protocol = 'tcp'] = /^(.*?)(?::(\d+))?(?:\/(udp|tcp))?$/.exec(target) ?? []
    const began = performance.now()
    const question = { from, to, port: Number(port), protocol: protocol as 'tcp' }
    const explanation = await this.daemon.client.networks.explain(question)
    return { ...explanation, ms: performance.now() - began }
  }
}

function run([file, ...args]: string[]): string {
  const { status, stdout, stderr } = spawnSync(file!, args, { encoding: 'utf8' })
  assert.equal(status, 0, `${file} ${args.join(' ')}: ${stderr}`)
  return stdout
}
