import { z } from 'zod'
import { invalid } from '#lib/errors.ts'
import { checkVolumeName } from './mounts.ts'
import { integer, parse, plainMap, stringMap, text } from './schema.ts'

const renameSchema = z.object({ Name: text })
const updateSchema = z.object({ Labels: stringMap, Size: integer })
const cloneSchema = z.object({ Name: text, Labels: stringMap })
const candidate = z.object({ name: z.string(), createdAt: z.string(), size: integer })
const pruneSchema = z.object({ Plan: z.object({ remove: z.array(candidate) }), Keep: integer })
const restoreSchema = z.object({ As: text })

/** Ten years. */
const LONGEST = 10 * 366 * 86_400_000

/** @throws invalid */
export function volumeRenameRequest(body: unknown): string {
  const name = parse(renameSchema, body ?? {}).Name ?? ''
  if (name === '') throw invalid('a volume needs a name to be renamed to')
  checkVolumeName(name)
  return name
}

/** @throws invalid */
export function volumeUpdateRequest(body: unknown): { labels: Record<string, string | null>; size?: number } {
  const { Labels, Size } = parse(updateSchema, body ?? {})
  return { labels: { ...Labels }, ...(typeof Size === 'number' && { size: Size }) }
}

/** @throws invalid */
export function volumeCloneRequest(body: unknown): { name: string; labels: Record<string, string> } {
  const { Name, Labels } = parse(cloneSchema, body ?? {})
  if (Name) checkVolumeName(Name)
  return { name: Name ?? '', labels: plainMap(Labels) }
}

/** @throws invalid */
export function volumePruneRequest(body: unknown) {
  const { Plan, Keep } = parse(pruneSchema, body ?? {})
  const remove = Plan.remove.map(({ name, createdAt, size }) => ({
    name,
    createdAt,
    ...(typeof size === 'number' && { size }),
  }))
  return { plan: { remove }, keep: keepOf(Keep ?? 0) }
}

/** @throws invalid */
export function volumeRestoreRequest(body: unknown): string | undefined {
  const as = parse(restoreSchema, body ?? {}).As || undefined
  if (as !== undefined) checkVolumeName(as)
  return as
}

/** Milliseconds in the trash. @throws invalid */
export function keepOf(keep: number): number {
  if (!Number.isSafeInteger(keep) || keep < 0 || keep > LONGEST)
    throw invalid(`invalid keep ${keep}: it must be milliseconds, up to ten years`)
  return keep
}
