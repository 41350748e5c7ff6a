import { isKind } from '#lib/errors.ts'
import type { VolumePrunePlan } from '#wire/index.ts'
import { CliError, defineCommand, unsupportedFormat } from '../core/command.ts'
import { confirm } from '../core/confirm.ts'
import type { Context } from '../core/context.ts'
import { table } from '../render/table.ts'
import { humanSize } from '../render/units.ts'
import { KEEP_HELP, parseKeep } from './keep.ts'

export const command = defineCommand({
  usage: '[OPTIONS]',
  args: [0, 0],
  description: 'Shows what would go and why, asks, and removes exactly that',
  flags: {
    all: { type: 'bool', short: 'a', help: 'Remove all unused volumes, not just anonymous ones' },
    'dry-run': { type: 'bool', help: 'Only show what would go and what stays' },
    filter: { type: 'filter', help: 'Provide filter values (e.g. "label=<label>")' },
    force: { type: 'bool', short: 'f', help: 'Do not prompt for confirmation' },
    format: {
      type: 'string',
      default: 'table',
      help: 'Format the plan, or what was done. Values: [table | json]',
      complete: ['table', 'json'],
    },
    keep: { type: 'string', help: KEEP_HELP },
  },
  async run(context, { flags }) {
    if (flags.format !== 'json' && flags.format !== 'table') throw unsupportedFormat(flags.format, ['table', 'json'])
    const json = flags.format === 'json'
    if (json && !flags.force && !flags['dry-run'])
      throw new CliError('--format json asks nothing: it needs --force or --dry-run')
    const filters = { ...flags.filter }
    if (flags.all) {
      if (filters['all']) throw new CliError('conflicting options: cannot specify both --all and --filter all=1')
      filters['all'] = ['true']
    }
    const keep = flags.keep === '' ? 0 : parseKeep(flags.keep)
    const plan = await planOf(context, filters)
    if (!plan) {
      if (flags['dry-run'] || keep > 0)
        throw new CliError('the daemon is no Berth: it has neither --dry-run nor --keep')
      return pruneAsDocker(context, filters, flags)
    }
    if (flags['dry-run']) return showPlan(context, plan, json, keep)
    if (!flags.force && !(await asksWith(context, plan, keep))) return
    const done = await context.client.volumes.applyPrune({ Plan: plan, Keep: keep })
    if (json) return context.print(JSON.stringify(done, null, 2))
    const trashed = new Set(done.Trashed.map(one => one.volume.name))
    const deleted = done.Deleted.filter(name => !trashed.has(name))
    if (deleted.length > 0) context.print(`Deleted Volumes:\n${deleted.join('\n')}\n`)
    if (trashed.size > 0) context.print(`Volumes in the trash:\n${Array.from(trashed).join('\n')}\n`)
    if (trashed.size > 0) context.print(`Bring back with: ${context.program} volume restore-deleted NAME`)
    for (const { name, reason } of done.Kept) context.warn(`WARNING: ${name} was not removed: ${reason}`)
    context.print(`Total reclaimed space: ${humanSize(done.SpaceReclaimed)}`)
  },
})

/** undefined where the daemon is none of ours. */
async function planOf(context: Context, filters: Record<string, string[]>): Promise<VolumePrunePlan | undefined> {
  try {
    return await context.client.volumes.planPrune(filters)
  } catch (error) {
    if (isKind(error, 'not-implemented')) return undefined
    throw error
  }
}

async function asksWith(context: Context, plan: VolumePrunePlan, keep: number): Promise<boolean> {
  if (plan.remove.length === 0) {
    context.print('No volume is unused.\nTotal reclaimed space: 0B')
    return false
  }
  context.stdout.write(removals(context, plan, keep))
  const what = plan.remove.length === 1 ? 'this volume' : `these ${plan.remove.length} volumes`
  const how = keep > 0 ? `move ${what} into the trash` : `delete ${what}`
  return confirm(context, `\nWARNING! This will ${how}.\nAre you sure you want to continue?`)
}

function showPlan(context: Context, plan: VolumePrunePlan, json: boolean, keep: number): void {
  if (json) return context.print(JSON.stringify(plan, null, 2))
  if (plan.remove.length === 0) context.print('No volume would be removed.')
  else {
    context.stdout.write(removals(context, plan, keep))
    const size = plan.remove.reduce((sum, one) => sum + Math.max(0, one.size), 0)
    context.print(`\nWould be reclaimed: ${humanSize(size)}`)
  }
  if (plan.keep.length === 0) return
  const rows = plan.keep.map(({ name, reason }) => [name, reason])
  context.stdout.write(`\n${table([['STAYS', 'WHY'], ...rows], context.columns)}`)
}

function removals(context: Context, plan: VolumePrunePlan, keep: number): string {
  const rows = plan.remove.map(({ name, size, reason, driver, keepable }) => [
    name,
    size < 0 ? 'N/A' : humanSize(size),
    keep > 0 && !keepable ? `${reason}; gone at once: driver ${driver} keeps nothing` : reason,
  ])
  return table([['NAME', 'SIZE', 'WHY'], ...rows], context.columns)
}

async function pruneAsDocker(
  context: Context,
  filters: Record<string, string[]>,
  flags: { all: boolean; force: boolean },
): Promise<void> {
  const which = flags.all ? 'all volumes' : 'anonymous local volumes'
  const question = `WARNING! This will remove ${which} not used by at least one container.\nAre you sure you want to continue?`
  if (!flags.force && !(await confirm(context, question))) return
  const { VolumesDeleted, SpaceReclaimed } = await context.client.volumes.prune(filters)
  if (VolumesDeleted?.length) context.print(`Deleted Volumes:\n${VolumesDeleted.join('\n')}\n`)
  context.print(`Total reclaimed space: ${humanSize(SpaceReclaimed)}`)
}
