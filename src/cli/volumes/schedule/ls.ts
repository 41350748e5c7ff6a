import { defineCommand, FORMAT_HELP } from '../../core/command.ts'
import { printRows, type Listing, type Row } from '../../render/format.ts'
import { ago, humanDuration, humanSize } from '../../render/units.ts'
import type { ScheduleJson } from '#wire/backups.ts'

const LISTING: Listing = {
  headings: {
    ID: 'SCHEDULE ID',
    Volumes: 'VOLUMES',
    When: 'WHEN',
    Target: 'TARGET',
    Next: 'NEXT',
    Last: 'LAST',
    Status: 'STATUS',
  },
  columns: ['ID', 'Volumes', 'When', 'Target', 'Next', 'Last', 'Status'],
  quiet: 'ID',
}

export const command = defineCommand({
  usage: '[OPTIONS]',
  args: [0, 0],
  flags: {
    format: { type: 'string', help: FORMAT_HELP },
    quiet: { type: 'bool', short: 'q', help: 'Only display schedule IDs' },
  },
  async run(context, { flags }) {
    const rows = (await context.client.backups.schedules()).map(schedule => rowOf(schedule, Date.now()))
    printRows(context, rows, LISTING, { format: flags.format, quiet: flags.quiet })
  },
})

export function rowOf(schedule: ScheduleJson, now: number): Row {
  const { id, volumes, when, target, nextAt, enabled, runs } = schedule
  const [last] = runs
  const next = nextAt === undefined ? undefined : Date.parse(nextAt) - now
  return {
    ID: id,
    Volumes: volumes.join(','),
    When: when.replace(/^@every /, 'every '),
    Target: target,
    Next: !enabled ? 'paused' : next === undefined ? '' : next <= 0 ? 'now' : `in ${humanDuration(next)}`,
    Last: last ? ago(Date.parse(last.startedAt), now) : 'never',
    Status: statusOf(last),
  }
}

function statusOf(run: ScheduleJson['runs'][number] | undefined): string {
  if (!run) return ''
  if (run.endedAt === undefined) return 'running'
  if (!run.ok) return `failed: ${run.message ?? ''}`
  return `ok, ${humanSize(run.bytes ?? 0, 3)}`
}
