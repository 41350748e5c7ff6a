import { z } from 'zod'
import { invalid } from '#lib/errors.ts'
import type { SyncRequest } from '#model/sync.ts'
import { flag, parse, plainMap, stringMap, strings, text } from './schema.ts'

const schema = z.object({
  Target: text,
  Direction: text,
  Delete: flag,
  DryRun: flag,
  SizeOnly: flag,
  ExactTimestamps: flag,
  Filters: strings,
  Environment: stringMap,
})

/** @throws invalid naming the field, never with what `Environment` holds */
export function syncRequest(volume: string, body: unknown): SyncRequest {
  const parsed = parse(schema, body ?? {})
  const { Direction: direction } = parsed
  if (direction !== 'to' && direction !== 'from') {
    throw invalid(`invalid Direction ${JSON.stringify(direction ?? '')}: use to or from`)
  }
  return {
    volume,
    target: parsed.Target ?? '',
    direction,
    delete: parsed.Delete ?? false,
    dryRun: parsed.DryRun ?? false,
    sizeOnly: parsed.SizeOnly ?? false,
    exactTimestamps: parsed.ExactTimestamps ?? false,
    filters: (parsed.Filters ?? []).map(filter => {
      if (!/^[+-]./s.test(filter)) throw invalid(`invalid filter ${JSON.stringify(filter)}: use +pattern or -pattern`)
      return { take: filter.startsWith('+'), pattern: filter.slice(1) }
    }),
    environment: plainMap(parsed.Environment),
  }
}
