import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { conflict, system } from '#lib/errors.ts'
import type { OciSpec } from '#model/oci.ts'
import type { CreateOptions } from '#ports/runtime.ts'
import { prepareCpuset } from '#kernel/cgroups/cpuset.ts'
import { pathsBelow } from '#kernel/cgroups/layout.ts'
import { hasErrno } from '#kernel/ffi/errno.ts'
import type { RuntimeContext } from './context.ts'
import { runtimeFailure } from './failure.ts'
import { startMonitor, type MonitorProcess } from './monitor.ts'
import { MONITOR_PID_FILE, NOTE_FILE, PID_FILE, readInit, type BundleNote, type InitProcess } from './state.ts'

/** Milliseconds after which a silent monitor counts as failed. */
const PATIENCE = 120_000

export async function createContainer(ctx: RuntimeContext, options: CreateOptions): Promise<InitProcess> {
  const { id } = options
  const prepared = ctx.seccomp?.prepare(options.spec)
  const asked = prepared?.spec ?? options.spec
  const bundle = ctx.paths.bundle(id)
  try {
    mkdirSync(bundle, { mode: 0o700 })
  } catch (error) {
    if (hasErrno(error, 'EEXIST')) throw conflict(`container ${id} exists in the runtime: delete it first`)
    throw error
  }
  let peers: { spec: OciSpec; giveBack: () => void } | undefined
  try {
    // May make the namespace anew: before anything is lent to it.
    for (const mount of asked.mounts) {
      if (mount.source?.startsWith('/') && isBind(mount)) ctx.reveal(mount.source)
    }
    peers = withPeers(ctx, asked)
    const { spec } = peers
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(spec))
    writeFileSync(join(bundle, NOTE_FILE), JSON.stringify(noteOf(options)))
    prepareCpuset(pathsBelow(ctx.layout, noteOf(options).cgroupsPath))
    const args = monitorArguments(ctx, options)
    const giveBack = ctx.lend(hostPaths(spec))
    try {
      const monitor = ctx.within(() => startMonitor({ file: ctx.monitor, args, directory: bundle, attach: false }))
      try {
        const init = await created(ctx, options, monitor)
        prepared?.learn(ctx.paths.runtimeState(id))
        return init
      } finally {
        monitor.close()
      }
    } finally {
      giveBack()
    }
  } catch (error) {
    rmSync(ctx.paths.runtimeState(id), { recursive: true, force: true })
    rmSync(bundle, { recursive: true, force: true })
    throw error
  } finally {
    peers?.giveBack()
  }
}

/** What of the host the runtime must see for this container. */
function hostPaths({ root, mounts, linux }: OciSpec): string[] {
  const namespaces = linux.namespaces.flatMap(({ path }) => path ?? [])
  return [root.path, ...namespaces, ...mounts.flatMap(({ source }) => source ?? [])]
}

/** What a container mounts in a bind that it shares must show on the host: such binds come from the host's own mounts. */
function withPeers(ctx: RuntimeContext, spec: OciSpec): { spec: OciSpec; giveBack: () => void } {
  const shared = spec.mounts.filter(one => isBind(one) && one.options?.some(word => /^r?shared$/.test(word)))
  if (shared.length === 0) return { spec, giveBack() {} }
  const { paths, giveBack } = ctx.lendPeers(shared.map(({ source }) => source ?? ''))
  const mounts = spec.mounts.map(one => {
    const index = shared.indexOf(one)
    return index < 0 ? one : { ...one, source: paths[index]! }
  })
  return { spec: { ...spec, mounts }, giveBack }
}

async function created(ctx: RuntimeContext, options: CreateOptions, monitor: MonitorProcess): Promise<InitProcess> {
  const message = await withPatience(monitor.next(), options.id)
  const command = options.spec.process.args[0] ?? ''
  if (!message) throw runtimeFailure('create', monitor.stderr() || 'the monitor ended without a word', command)
  if (message.data <= 0) throw runtimeFailure('create', message.message ?? '', command)
  const init = readInit(ctx, options.id)
  if (init?.pid !== message.data) throw system(`the runtime's state of container ${options.id} is missing or damaged`)
  return init
}

export async function withPatience<T>(work: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(system(`the runtime gave no answer for ${what} in ${PATIENCE / 1000} s`)), PATIENCE)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

function noteOf(options: CreateOptions): BundleNote {
  const { tty, stdin, stdinOnce, spec, id } = options
  const command = spec.process.args[0] ?? ''
  return { cgroupsPath: spec.linux.cgroupsPath ?? `/berth/${id}`, tty, stdin, stdinOnce, command }
}

function monitorArguments(ctx: RuntimeContext, options: CreateOptions): string[] {
  const { id, tty, stdin, stdinOnce, log } = options
  const bundle = ctx.paths.bundle(id)
  const args = [...commonArguments(ctx, id, bundle), '-b', bundle, '--exit-dir', ctx.paths.exits]
  args.push('-l', log.path === undefined ? 'none' : `k8s-file:${log.path}`)
  if (log.path !== undefined) mkdirSync(dirname(log.path), { recursive: true, mode: 0o700 })
  if (tty) args.push('-t')
  if (stdin) args.push('-i')
  // A terminal's input never ends by a client's leaving: another may attach.
  if (tty || !stdinOnce) args.push('--leave-stdin-open')
  return args
}

/** For create and exec alike. conmon looks options up by GLib, where `-l` and `--log-path` are the same. */
export function commonArguments(ctx: RuntimeContext, id: string, directory: string): string[] {
  const args = ['--api-version', '1', '-c', id, '-u', id, '-n', id, '-r', ctx.oci.path]
  args.push('-p', join(directory, PID_FILE), '-P', join(directory, MONITOR_PID_FILE))
  args.push('--full-attach', '--no-sync-log', '--runtime-arg', `--root=${ctx.paths.runtimeRoot}`)
  return args
}

function isBind(mount: { type?: string; options?: string[] }): boolean {
  return mount.type === 'bind' || (mount.options ?? []).some(option => option === 'bind' || option === 'rbind')
}
