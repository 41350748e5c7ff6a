import { z } from 'zod'
import { invalid } from '#lib/errors.ts'
import type { BackupFormat, Retention } from '#model/backup.ts'
import { flag, integer, parse, plainMap, stringMap, strings, text } from './schema.ts'

const backupSchema = z.object({
  Volumes: strings,
  Format: text,
  Level: integer,
  Pause: flag,
  NoHooks: flag,
  Repeat: z.object({ Id: text, CreatedAt: text }).nullish(),
})

/** @throws invalid naming the field */
export function backupRequest(body: unknown) {
  const parsed = parse(backupSchema, body ?? {})
  const format = formatOf(parsed.Format)
  const level = parsed.Level ?? undefined
  const most = format === 'gzip' ? 9 : 19
  if (level !== undefined && (level < 1 || level > most)) {
    throw invalid(`invalid level ${level}: ${format} has levels from 1 to ${most}`)
  }
  return {
    volumes: parsed.Volumes ?? [],
    format,
    ...(level !== undefined && { level }),
    pause: parsed.Pause ?? false,
    hooks: !parsed.NoHooks,
    ...(parsed.Repeat && { repeat: repeatOf(parsed.Repeat) }),
  }
}

function repeatOf(repeat: { Id?: string | null | undefined; CreatedAt?: string | null | undefined }) {
  const [id, createdAt] = [repeat.Id ?? '', repeat.CreatedAt ?? '']
  if (!/^[0-9a-f]{32}$/.test(id)) throw invalid('invalid Repeat.Id: it must be the id of a backup, 32 hex digits')
  if (!Number.isFinite(Date.parse(createdAt))) throw invalid('invalid Repeat.CreatedAt: it must be an RFC 3339 time')
  return { id, createdAt }
}

const restoreSchema = z.object({ Rename: stringMap, Only: strings, Replace: flag, Foreign: flag, Verify: flag })

/** @throws invalid naming the field */
export function restoreRequest(body: unknown) {
  const parsed = parse(restoreSchema, body ?? {})
  return {
    rename: plainMap(parsed.Rename),
    only: parsed.Only ?? [],
    replace: parsed.Replace ?? false,
    foreign: parsed.Foreign ?? false,
    verify: parsed.Verify ?? false,
  }
}

function formatOf(text: string | null | undefined): BackupFormat {
  const format = text || 'zstd'
  if (format === 'zstd' || format === 'gzip' || format === 'tar') return format
  throw invalid(`invalid format ${JSON.stringify(format)}: use zstd, gzip or tar`)
}

const scheduleSchema = z.object({
  Volumes: strings,
  When: text,
  Target: text,
  Format: text,
  Pause: flag,
  FullEvery: integer,
  Retention: z.object({ keepLast: integer, keepDaily: integer, keepWeekly: integer, keepMonthly: integer }).nullish(),
  Recipients: strings,
  EnvironmentFile: text,
})

/** @throws invalid naming the field */
export function scheduleRequest(body: unknown) {
  const parsed = parse(scheduleSchema, body ?? {})
  if (!parsed.When) throw invalid('a schedule needs a time: "0 3 * * *", @daily or @every 6h')
  if (!parsed.Target)
    throw invalid('a schedule needs a target: an absolute directory, ssh://user@host/path/ or s3://bucket/')
  const rules = Object.entries(parsed.Retention ?? {}).filter(([, value]) => value !== null && value !== undefined)
  return {
    volumes: parsed.Volumes ?? [],
    when: parsed.When,
    target: parsed.Target,
    format: formatOf(parsed.Format),
    pause: parsed.Pause ?? false,
    fullEvery: parsed.FullEvery ?? 1,
    retention: Object.fromEntries(rules) as Retention,
    recipients: parsed.Recipients ?? [],
    environmentFile: parsed.EnvironmentFile ?? '',
    enabled: true,
  }
}
