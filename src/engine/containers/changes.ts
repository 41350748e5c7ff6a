import type { ChangedPath } from '#ports/files.ts'
import type { Context } from './context.ts'

/** `GET /containers/{id}/changes`. */
export async function changes(ctx: Context, reference: string): Promise<ChangedPath[]> {
  return ctx.images.rootfsChanges(ctx.records.find(reference).snapshotKey)
}
