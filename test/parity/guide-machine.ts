import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { TestDaemon } from '../support/daemon.ts'
import { Machines } from '../support/machines.ts'
import { obedient } from '../support/containers.ts'
import { ok } from '../support/tools.ts'

const REGISTRY = '127.0.0.1:5000'

/** What the real images do that the guide relies on: something answers at their port, and says who. */
const IMAGES: Record<string, { command: string[]; port: number }> = {
  'nginx:latest': {
    command: obedient('mkdir -p /w; echo "nginx $HOSTNAME" > /w/index.html; httpd -p 80 -h /w; echo ready'),
    port: 80,
  },
  'node:14': {
    command: obedient('mkdir -p /w; echo "node $HOSTNAME" > /w/index.html; httpd -p 3000 -h /w; echo ready'),
    port: 3000,
  },
  'postgres:13': { command: obedient('nc -ll -p 5432 -e echo postgres & echo ready'), port: 5432 },
}

/**
 * A machine of its own (network namespace, `eth0` on a wire, another machine `client` beside it) with a daemon that
 * pulls the guide's images from a registry mirror on that machine's loopback, as `docker.io` names.
 */
export class GuideMachine {
  readonly machines = new Machines()
  readonly daemon: TestDaemon
  #registry: ChildProcess | undefined

  constructor() {
    this.daemon = new TestDaemon(['--registry-mirror', `http://${REGISTRY}`], { netns: this.machines.path() })
  }

  async start(): Promise<void> {
    this.machines.add('client')
    await Promise.all([this.#serve(), this.daemon.start()])
    await this.daemon.client.images
      .bootstrap({ image: 'busybox', tag: 'guide-base', copy: programs(['curl']) })
      .then(async lines => {
        for await (const line of lines) if (line.error) throw new Error(line.error)
      })
    const { containers, images } = this.daemon.client
    const { Id } = await containers.create({ Image: 'guide-base' })
    for (const [name, { command, port }] of Object.entries(IMAGES)) {
      const changes = [`CMD ${JSON.stringify(command)}`, `EXPOSE ${port}`].flatMap(change => ['--change', change])
      const pushed = `${REGISTRY}/library/${name}`
      await ok(this.daemon, 'berth', ['commit', ...changes, Id, pushed])
      await ok(this.daemon, 'berth', ['push', '--quiet', pushed])
      await images.remove(pushed)
    }
    await containers.remove(Id)
  }

  async dispose(): Promise<void> {
    await this.daemon.dispose()
    if (this.#registry) {
      const ended = once(this.#registry, 'exit')
      this.#registry.kill('SIGKILL')
      await ended
    }
    this.machines.remove()
  }

  /** What a web server says to another machine on the wire; '' when it does not answer. */
  fromClient(url: string): string {
    return this.machines.on('client', ['curl', '-s', '-m', '2', url]).stdout.trim()
  }

  async #serve(): Promise<void> {
    const config = join(this.daemon.directory, 'registry.json')
    const storage = { filesystem: { rootdirectory: join(this.daemon.directory, 'registry') } }
    writeFileSync(config, JSON.stringify({ version: 0.1, log: { level: 'error' }, storage, http: { addr: REGISTRY } }))
    const command = [`--net=${this.machines.path()}`, 'docker-registry', 'serve', config]
    this.#registry = spawn('nsenter', command, { stdio: 'ignore' })
    for (let attempt = 0; this.machines.on('host', ['curl', '-sf', `http://${REGISTRY}/v2/`]).code !== 0; attempt++) {
      if (attempt > 200 || this.#registry.exitCode !== null) throw new Error('docker-registry does not start')
      await sleep(25)
    }
  }
}

/** Programs of this machine, with the libraries that they load, for an image that has none. */
function programs(names: string[]): { hostPath: string; imagePath: string }[] {
  const found = names.map(name => spawnSync('which', [name], { encoding: 'utf8' }).stdout.trim())
  const libraries = spawnSync('ldd', found, { encoding: 'utf8' }).stdout.match(/\/\S+\.so\S*/g) ?? []
  return [
    ...found.map((path, i) => ({ hostPath: realpathSync(path), imagePath: `/bin/${names[i]}` })),
    ...[...new Set(libraries)].map(path => ({ hostPath: realpathSync(path), imagePath: path })),
  ]
}
