import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Images } from '#engine/images/index.ts'
import { Networks } from '#engine/networks/index.ts'
import { Volumes } from '#engine/volumes/index.ts'
import { HostBootstrap } from '#kernel/bootstrap/index.ts'
import { KernelCgroups } from '#kernel/cgroups/cgroups.ts'
import { HostContent } from '#kernel/content/index.ts'
import { HostFiles, HostRootedFiles } from '#kernel/files/index.ts'
import { KernelHost } from '#kernel/host/host.ts'
import { KernelLogs } from '#kernel/logs/logs.ts'
import { HostMounts } from '#kernel/mounts/index.ts'
import { kernelNetworking } from '#kernel/networking.ts'
import { KernelProcesses } from '#kernel/processes/processes.ts'
import { HttpRegistry } from '#kernel/registry/index.ts'
import { openRuntime } from '#kernel/runtime/open.ts'
import { prepareRoots } from '#kernel/runtime/roots.ts'
import { HostSnapshots } from '#kernel/snapshots/index.ts'
import { systemClock } from '#lib/clock.ts'
import { logger } from '#lib/log.ts'
import { SqliteStore } from '#store/sqlite-store.ts'
import { Containers } from '../containers.ts'
import { Events } from '../events.ts'

/** The engine on the real host, in a directory of its own, with busybox as image `busybox`. */
export async function realEngine() {
  const base = mkdtempSync(join(tmpdir(), 'berth-ce-'))
  const dataRoot = join(base, 'data')
  const execRoot = join(base, 'run')
  for (const path of [dataRoot, execRoot]) mkdirSync(path, { recursive: true })
  const undoRoots = prepareRoots(execRoot, dataRoot)
  const clock = systemClock()
  const log = logger('warn', line => process.stderr.write(line))
  const store = new SqliteStore(join(dataRoot, 'berth.db'))
  const events = new Events(clock)
  const publish: Events['publish'] = event => events.publish(event)
  const key = randomBytes(2).toString('hex')
  const randomHex = (digits: number) =>
    randomBytes(Math.ceil(digits / 2))
      .toString('hex')
      .slice(0, digits)
  const mounts = new HostMounts()
  const files = new HostFiles()
  const host = new KernelHost()
  const networking = kernelNetworking({ execRoot, log })
  const { runtime, dispose } = openRuntime({ execRoot, dataRoot })
  const images = new Images({
    store,
    content: new HostContent(join(dataRoot, 'content')),
    snapshots: new HostSnapshots({ store, mounts, files, dataRoot, execRoot }),
    registry: new HttpRegistry({ clock, userAgent: 'test', env: {} }),
    bootstrap: new HostBootstrap(),
    users: id => containers.usersOfImage(id),
    publish,
    clock,
    log,
    platform: { os: 'linux', architecture: process.arch === 'x64' ? 'amd64' : process.arch },
  })
  const volumes = new Volumes({ store, files, mounts, publish, clock, log, dataRoot, randomHex })
  const networks = new Networks({
    ...networking,
    host,
    store,
    clock,
    log,
    publish,
    key,
    bootId: 'boot',
    guardForwarding: true,
    table: `berth-${key}`,
    bridge: `bt${key}`,
    randomHex: bytes => randomBytes(bytes).toString('hex'),
    random: Math.random,
  })
  const make = () =>
    new Containers({
      runtime,
      cgroups: new KernelCgroups(() => clock.nowNano()),
      processes: new KernelProcesses(),
      files,
      rooted: new HostRootedFiles(),
      mounts,
      logs: new KernelLogs(),
      host,
      store,
      images,
      volumes,
      networks,
      events,
      clock,
      log,
      dataRoot,
      pinRoot: join(execRoot, 'mounts'),
      initPath: ['/usr/bin/tini-static', '/usr/bin/catatonit'].find(path => existsSync(path)),
      randomHex,
    })
  let containers: Containers = make()
  volumes.setUsers(name => containers.usersOfVolume(name))
  await containers.recover()
  await images.bootstrap({ image: 'busybox', tag: 'busybox' }, () => {})
  const close = async () => {
    for (const { record } of await containers.list(new Map(), { all: true, limit: 0, size: false })) {
      await containers.remove(record.id, { force: true, volumes: true, link: false }).catch(() => {})
    }
    await containers.shutdown()
    for (const network of networks.list(new Map()))
      if (!network.builtin) await networks.remove(network.id).catch(() => {})
    await networks.close()
    await networking.firewall.apply(`delete table inet berth-${key}`)
    networking.links.deleteLink(`bt${key}`)
    await networking.close()
    for (const path of mounts.below(base)) await mounts.unmount(path)
    ;(runtime as { close?: () => void }).close?.()
    dispose()
    undoRoots()
    store.close()
    rmSync(base, { recursive: true, force: true })
  }
  return {
    base,
    dataRoot,
    get containers() {
      return containers
    },
    /** A new engine over the same host, as after a restart of the daemon. */
    async restart(away: Promise<unknown> = Promise.resolve()) {
      await containers.shutdown()
      await away
      containers = make()
      await containers.recover()
    },
    images,
    volumes,
    networks,
    runtime,
    events,
    mounts,
    close,
  }
}

export type RealEngine = Awaited<ReturnType<typeof realEngine>>
