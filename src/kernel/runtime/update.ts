import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { system } from '#lib/errors.ts'
import type { OciResources } from '#model/oci.ts'
import { captureProcess } from './capture.ts'
import type { RuntimeContext } from './context.ts'

/**
 * Changes limits with the runtime's own `update`: it knows the order in which memory and swap must be written, and how
 * v1 units become v2 ones. Rare, so a process may be spawned.
 */
export async function updateContainer(ctx: RuntimeContext, id: string, resources: OciResources): Promise<void> {
  const directory = ctx.paths.bundle(id)
  const file = join(directory, `update-${process.hrtime.bigint()}.json`)
  writeFileSync(file, JSON.stringify(resources))
  try {
    const args = ['--root', ctx.paths.runtimeRoot, 'update', '--resources', file, id]
    const run = ctx.within(() => captureProcess(ctx.oci.path, args, directory))
    while (run.exitCode() === undefined) await setTimeout(2)
    const code = run.exitCode()
    const output = run.output()
    if (code !== 0) throw system(`cannot update container ${id}: ${output || `exit code ${code}`}`)
  } finally {
    rmSync(file, { force: true })
  }
}
