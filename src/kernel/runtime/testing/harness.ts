import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import type { CreateOptions, ExitReport, Runtime } from '#ports/runtime.ts'
import { KernelCgroups } from '#kernel/cgroups/cgroups.ts'
import { openRuntime } from '../open.ts'
import { prepareRoots } from '../roots.ts'
import { makeRootfs, specOf } from './rootfs.ts'
import type { OciRuntime } from '../runtime.ts'
import type { OciProgram } from '../context.ts'

/** A runtime in a directory of its own, with a cgroup parent of its own; all gone after the tests of the file. */
export class RuntimeFixture {
  readonly base = mkdtempSync(join(tmpdir(), 'berth-runtime-'))
  readonly execRoot = join(this.base, 'exec')
  readonly dataRoot = join(this.base, 'data')
  readonly rootfs = join(this.dataRoot, 'rootfs')
  readonly tag = randomBytes(4).toString('hex')
  readonly cgroupParent = `/berth-test-${this.tag}`
  readonly cgroups = new KernelCgroups(() => process.hrtime.bigint())
  #count = 0

  constructor() {
    const undo = prepareRoots(this.execRoot, this.dataRoot)
    makeRootfs(this.rootfs)
    // The exit watcher does not keep a process alive; a test that waits for an exit must.
    const alive = setInterval(() => {}, 1000)
    after(async () => {
      const { runtime, dispose } = this.open()
      for (const id of await runtime.list()) await runtime.delete(id)
      dispose()
      undo()
      this.cgroups.removeParent(this.cgroupParent)
      rmSync(this.base, { recursive: true })
      clearInterval(alive)
    })
  }

  open(oci?: OciProgram): { runtime: OciRuntime; dispose: () => void } {
    return openRuntime({ execRoot: this.execRoot, dataRoot: this.dataRoot, oci })
  }

  id(): string {
    return `t${this.tag}${++this.#count}`
  }

  options(args: string[], more: Partial<CreateOptions> = {}): CreateOptions {
    const id = more.id ?? this.id()
    const spec = specOf(this.rootfs, `${this.cgroupParent}/${id}`, args, more.tty)
    return { id, spec, tty: false, stdin: false, stdinOnce: false, log: {}, ...more }
  }
}

/** The exits of a runtime, to be waited for. */
export function exitsOf(runtime: Runtime): { of: (id: string) => Promise<ExitReport>; stop: () => void } {
  const seen = new Map<string, ExitReport>()
  const waiting = new Map<string, (report: ExitReport) => void>()
  const stop = runtime.watchExits(report => {
    const id = report.execId ?? report.containerId
    seen.set(id, report)
    waiting.get(id)?.(report)
  })
  const of = (id: string) =>
    new Promise<ExitReport>(resolve => {
      const report = seen.get(id)
      if (report) resolve(report)
      else waiting.set(id, resolve)
    })
  return { of, stop }
}
