import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { OciSpec } from '#model/oci.ts'

/** crun(1): a filter in base64 that is used in place of the profile. */
const ANNOTATION = 'run.oci.seccomp_bpf_data'
const MAX_PROFILES = 64

/**
 * crun compiles the seccomp profile anew for each container, which takes it 20 ms and more; the filter it made is left
 * in its state directory. It is kept here by profile and handed to crun ready-made the next time.
 */
export class SeccompCache {
  readonly #filters = new Map<string, string>()

  /**
   * The specification with its profile compiled, if that is known; else as it is, and `learn` keeps the filter that
   * crun leaves in `stateDirectory`.
   */
  prepare(spec: OciSpec): { spec: OciSpec; learn: (stateDirectory: string) => void } {
    const profile = spec.linux.seccomp
    const asIs = { spec, learn: () => {} }
    if (!profile || spec.annotations?.[ANNOTATION] !== undefined) return asIs
    const key = createHash('sha256').update(JSON.stringify(profile)).digest('base64')
    const filter = this.#filters.get(key)
    if (filter === undefined) return { spec, learn: directory => this.#learn(key, directory) }
    const { syscalls: _compiled, ...rest } = profile
    return {
      // What is left of the profile refuses all: should the annotation go unheard, nothing is let through.
      spec: {
        ...spec,
        annotations: { ...spec.annotations, [ANNOTATION]: filter },
        linux: { ...spec.linux, seccomp: rest },
      },
      learn: () => {},
    }
  }

  #learn(key: string, stateDirectory: string): void {
    try {
      const filter = readFileSync(join(stateDirectory, 'seccomp.bpf'))
      if (filter.length === 0 || filter.length % 8 !== 0) return
      if (this.#filters.size >= MAX_PROFILES) this.#filters.clear()
      this.#filters.set(key, filter.toString('base64'))
    } catch {
      // This crun keeps its filter elsewhere, or nowhere: it goes on compiling.
    }
  }
}
