import { conflict } from '#lib/errors.ts'
import { isAlive } from '#model/container-state.ts'
import { publish, type Context } from './context.ts'

/** `POST /containers/{id}/resize`. */
export async function resize(ctx: Context, reference: string, height: number, width: number): Promise<void> {
  const record = ctx.records.find(reference)
  if (!isAlive(record.state)) throw conflict(`container ${record.id} is not running`)
  await ctx.runtime.resize({ containerId: record.id }, height, width)
  publish(ctx, record, 'resize', { height: String(height), width: String(width) })
}
