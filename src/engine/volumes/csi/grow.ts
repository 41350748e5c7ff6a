import { invalid } from '#lib/errors.ts'
import type { CsiContext, Named } from './context.ts'
import { known, put, secretsFor } from './context.ts'
import { parseCsiOptions } from './options.ts'
import { expandHere } from './way.ts'

/** The volume first, by its controller; then its file system, by this machine, now or when it is next published. */
export async function grow(ctx: CsiContext, record: Named, bytes: number): Promise<Record<string, string>> {
  const { name } = record
  let volume = known(ctx, record)
  const { driver } = ctx.asking
  const info = await ctx.asking.info()
  const byController = info.controller.includes('EXPAND_VOLUME')
  const byNode = info.node.includes('EXPAND_VOLUME')
  if (!byController && !byNode)
    throw invalid(`volume ${name} cannot grow: csi driver "${driver}" does not expand volumes`)
  if (volume.capacity > bytes) throw invalid(`volume ${name} has ${volume.capacity} bytes already: a volume only grows`)
  if (byController && volume.done.length > 0 && info.plugin.includes('OFFLINE') && !info.plugin.includes('ONLINE'))
    throw invalid(`volume ${name} is in use, and csi driver "${driver}" expands only what is not: stop its containers`)
  let onNode = byNode
  if (byController) {
    const { capacity_bytes: capacity, node_expansion_required: needed } = await ctx.asking.ask(
      'Controller.ControllerExpandVolume',
      {
        volume_id: volume.volumeId,
        capacity_range: { required_bytes: bytes },
        secrets: await secretsFor(ctx, volume.options),
        volume_capability: parseCsiOptions(volume.options).capability,
      },
    )
    onNode = needed && byNode
    volume = { ...volume, capacity: Math.max(capacity, volume.capacity) }
  }
  const options = { ...volume.options, size: String(bytes) }
  volume = put(ctx, { ...volume, options, ...(onNode && { expandTo: bytes }) })
  if (onNode && volume.done.includes('publish')) await expandHere(ctx, volume)
  return options
}
