import { randomBytes } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Backups, Syncing } from '#engine/backups/index.ts'
import { Containers, Events } from '#engine/containers/index.ts'
import { Explainer, NetworkCapture, NetworkDoctor } from '#engine/explain/index.ts'
import { Images } from '#engine/images/index.ts'
import { Networks } from '#engine/networks/index.ts'
import { Accounts, Space } from '#engine/space/index.ts'
import { Volumes } from '#engine/volumes/index.ts'
import type { Needs } from '#http/index.ts'
import { HostArchives } from '#kernel/archives/index.ts'
import { makeRoom } from '#kernel/content/index.ts'
import { HostBootstrap } from '#kernel/bootstrap/index.ts'
import { decompressed } from '#kernel/files/decompress.ts'
import { HostVolumeTrees } from '#kernel/files/volume-tree.ts'
import { favorMoves } from '#kernel/cgroups/favor-moves.ts'
import { trimMemory } from '#kernel/memory.ts'
import type { Host } from '#ports/host.ts'
import { openRuntime } from '#kernel/runtime/open.ts'
import { prepareRoots } from '#kernel/runtime/roots.ts'
import { systemClock } from '#lib/clock.ts'
import { messageOf } from '#lib/errors.ts'
import type { Logger } from '#lib/log.ts'
import { targets } from '#targets/index.ts'
import { SqliteStore } from '#store/sqlite-store.ts'
import { identity, type Identity } from './identity.ts'
import type { DaemonOptions } from './options.ts'
import { openKernel } from './kernel.ts'
import { systemProvider } from './system.ts'

export interface Daemon {
  needs: Needs
  /** Compares every record with what exists and mends; sweeps what has no owner. */
  recover(): Promise<void>
  /** Lets go of everything; containers run on. */
  close(): Promise<void>
}

/** Builds the daemon from its parts; the only place that knows all of them. Touches nothing but the roots. */
export function assemble(options: DaemonOptions, log: Logger): Daemon {
  const { dataRoot, execRoot } = options
  mkdirSync(dataRoot, { recursive: true, mode: 0o711 })
  mkdirSync(execRoot, { recursive: true, mode: 0o711 })
  const undoRoots = prepareRoots(execRoot, dataRoot)
  const undoMoves = cheapMoves(execRoot, log)
  const clock = systemClock()
  if (makeRoom(dataRoot)) log.warn('no room on the disk: unfinished downloads were removed', { dataRoot })
  const store = new SqliteStore(join(dataRoot, 'berth.db'))
  const self = identity(store.repository<Identity>('identity'), dataRoot, options.bridge)
  const events = new Events(clock)
  const publish = events.publish.bind(events)
  const kernel = openKernel({ dataRoot, execRoot, clock, log, store })
  const { runtime, dispose } = openRuntime({ execRoot, dataRoot })
  const initPath = [
    '/usr/bin/tini-static',
    '/usr/bin/tini',
    '/usr/bin/catatonit',
    '/usr/libexec/podman/catatonit',
  ].find(path => existsSync(path))
  const randomHex = (digits: number) =>
    randomBytes(Math.ceil(digits / 2))
      .toString('hex')
      .slice(0, digits)

  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  const accounts = new Accounts({ store, usage: kernel.usage, clock, log, dataRoot })
  const images = new Images({
    store,
    accounts,
    content: kernel.content,
    snapshots: kernel.snapshots,
    registry: kernel.registry,
    bootstrap: new HostBootstrap(),
    decompress: decompressed,
    users: imageId => containers.usersOfImage(imageId),
    publish,
    clock,
    log,
    platform: { os: 'linux', architecture: process.arch === 'x64' ? 'amd64' : process.arch },
    registries: { mirrors: options.registryMirrors, insecure: options.insecureRegistries },
  })
  const volumes = new Volumes({
    store,
    accounts,
    files: kernel.files,
    mounts: kernel.mounts,
    block: kernel.block,
    servers: kernel.servers,
    publish,
    clock,
    log,
    dataRoot,
    lookup: async host => (await lookup(host)).address,
    plugins: kernel.networking.plugins,
    csi: kernel.csi,
    bootId,
    randomHex,
  })
  const networks = new Networks({
    ...kernel.networking,
    host: withResolvers(kernel.host, options),
    store,
    clock,
    log,
    publish,
    key: self.key,
    table: self.table,
    bridge: self.bridge,
    manners: options.firewall,
    pool: options.bip,
    addressPools: options.addressPools,
    mtu: options.mtu,
    bridgeOptions: bridgeOptionsOf(options),
    bootId,
    guardForwarding: !options.ipForwardNoDrop,
    randomHex: bytes => randomBytes(bytes).toString('hex'),
    random: Math.random,
  })
  const containers: Containers = new Containers({
    runtime,
    cgroups: kernel.cgroups,
    processes: kernel.processes,
    files: kernel.files,
    rooted: kernel.rooted,
    mounts: kernel.mounts,
    logs: kernel.logs,
    host: kernel.host,
    store,
    images,
    volumes,
    networks,
    events,
    clock,
    log,
    dataRoot,
    pinRoot: kernel.pinRoot.path,
    initPath,
    randomHex,
  })
  const explaining = {
    containers,
    networks,
    links: kernel.networking.links,
    inspector: kernel.networking.inspector,
    dnsSockets: kernel.networking.dnsSockets,
    rooted: kernel.rooted,
    table: self.table,
  }
  volumes.setUsers(
    name => containers.usersOfVolume(name),
    id => containers.nameOf(id),
  )
  const archives = new HostArchives()
  const backups = new Backups({
    store,
    containers,
    volumes,
    archives,
    targets,
    environment: process.env,
    readFile: path => kernel.files.read(path),
    clock,
    log,
    publish,
    randomHex,
    usersOf: name => containers.usersOfVolume(name),
  })
  const system = systemProvider({
    id: self.id,
    options,
    host: kernel.host,
    cgroups: kernel.cgroups,
    runtime,
    registry: kernel.registry,
    containers,
    images,
    clock,
    initPath,
    listeners: () => events.listeners,
  })
  const stopTrimming = trimMemory()
  return {
    needs: {
      containers,
      images,
      networks,
      volumes,
      backups,
      sync: new Syncing({ volumes, targets, trees: new HostVolumeTrees(), randomHex }),
      space: new Space({
        accounts,
        containers,
        images,
        networks,
        volumes,
        files: kernel.files,
        logs: kernel.logs,
        store,
        clock,
        dataRoot,
      }),
      explain: new Explainer(explaining),
      doctor: new NetworkDoctor(explaining, clock),
      capture: new NetworkCapture(explaining, kernel.networking.capture),
      events,
      system,
      host: {
        cgroupVersion: runtime.info().cgroupVersion,
        defaultRuntime: runtime.info().name,
        containerDirectory: id => join(dataRoot, 'containers', id),
      },
      clock,
      log,
    },
    async recover() {
      await containers.recover()
      await backups.recover()
      await images.sweep(containers.snapshotKeys())
    },
    async close() {
      stopTrimming()
      undoMoves()
      await backups.close()
      archives.close()
      await containers.shutdown()
      await accounts.close()
      await kernel.usage.close()
      volumes.close()
      await networks.close()
      const alone = (await runtime.list()).length === 0
      if (alone) await networks.tearDown()
      await kernel.networking.close()
      kernel.registry.close()
      await kernel.snapshots.close()
      kernel.pinRoot.close()
      if (alone) {
        kernel.cgroups.removeParent('/berth')
        dispose()
        undoRoots()
      }
      store.close()
    },
  }
}

function bridgeOptionsOf({ ip, icc }: DaemonOptions): Record<string, string> {
  return {
    ...(ip !== undefined && { 'com.docker.network.bridge.host_binding_ipv4': ip }),
    ...(!icc && { 'com.docker.network.bridge.enable_icc': 'false' }),
  }
}

/** The host's resolvers, but for what the daemon was told of them. */
function withResolvers(host: Host, { dns, dnsSearch, dnsOptions }: DaemonOptions): Host {
  if (dns.length + dnsSearch.length + dnsOptions.length === 0) return host
  return {
    facts: () => host.facts(),
    hostsFile: () => host.hostsFile(),
    timezoneFile: () => host.timezoneFile(),
    resolvers() {
      const { nameservers, search, options } = host.resolvers()
      return {
        nameservers: dns.length > 0 ? dns : nameservers,
        search: dnsSearch.length > 0 ? dnsSearch : search,
        options: dnsOptions.length > 0 ? dnsOptions : options,
      }
    },
  }
}

/** Starts are slower without, and work. */
function cheapMoves(execRoot: string, log: Logger): () => void {
  try {
    return favorMoves(execRoot)
  } catch (error) {
    log.debug('moves between cgroups stay slow', { error: messageOf(error) })
    return () => {}
  }
}
