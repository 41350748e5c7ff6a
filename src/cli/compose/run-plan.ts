import { execute } from '#compose/execute.ts'
import { isKind } from '#lib/errors.ts'
import type { Observed } from '#compose/observe.ts'
import { printPlan, type Plan } from '#compose/plan/step.ts'
import type { Project } from '#compose/project.ts'
import type { Input } from '../core/command.ts'
import type { Context } from '../core/context.ts'
import { groupFlags } from './project.ts'
import { progress } from './progress.ts'

/** Prints the plan under `--dry-run`, else runs it and shows how it goes. @returns whether anything was run */
export async function runPlan(
  context: Context,
  input: Pick<Input, 'group'>,
  parts: {
    project: Project | undefined
    observed: Observed
    plan: Plan
    timeout?: number
    /** Ids of the images that are here. */
    images?: Readonly<Record<string, string | undefined>>
  },
): Promise<boolean> {
  const { project, observed, plan, timeout, images } = parts
  const flags = groupFlags(input)
  for (const warning of plan.warnings) context.warn(`warning: ${warning}`)
  if (flags['dry-run']) {
    context.stdout.write(printPlan(plan))
    return false
  }
  const shown = progress(context, flags.progress)
  const stop = new AbortController()
  const onSignal = () => stop.abort(new Error('canceled'))
  process.once('SIGINT', onSignal)
  process.once('SIGTERM', onSignal)
  try {
    await execute(context.client, project, observed, plan, {
      timeout,
      onReport: shown.report,
      images,
      signal: stop.signal,
    })
  } finally {
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
    shown.end()
  }
  return true
}

/** Ids of the images that the services name, by that name; undefined when not here. */
export async function imagesOf(
  context: Context,
  names: readonly string[],
): Promise<Record<string, string | undefined>> {
  const pairs = [...new Set(names)].map(async (name): Promise<[string, string | undefined]> => {
    try {
      return [name, (await context.client.images.inspect(name)).Id]
    } catch (error) {
      if (isKind(error, 'not-found')) return [name, undefined]
      throw error
    }
  })
  return Object.fromEntries(await Promise.all(pairs))
}
