import { observe } from '#compose/observe.ts'
import { selectServices } from '#compose/plan/up.ts'
import type { Plan } from '#compose/plan/step.ts'
import { defineCommand } from '../core/command.ts'
import { load } from './project.ts'
import { runPlan } from './run-plan.ts'

export const command = defineCommand({
  usage: '[OPTIONS] [SERVICE...]',
  args: [0, Infinity],
  flags: {
    'ignore-pull-failures': { type: 'bool', help: 'Pull what it can and ignores images with pull failures' },
    'include-deps': { type: 'bool', help: 'Also pull services declared as dependencies' },
    quiet: { type: 'bool', short: 'q', help: 'Pull without printing progress information' },
  },
  async run(context, input) {
    const { flags } = input
    const project = await load(context, input, input.args)
    const selected = selectServices(project, input.args, !flags['include-deps'])
    const images = new Map(
      selected.flatMap(name => (project.services[name]!.image ? [[project.services[name]!.image!, name]] : [])),
    )
    const plan: Plan = {
      steps: [...images].map(([image, service], i) => ({
        id: String(i + 1),
        needs: [],
        action: { kind: 'pull-image', image, service },
        cause: 'it was asked for',
      })),
      warnings: [],
    }
    try {
      await runPlan(context, input, { project, observed: await observe(context.client, project.name), plan })
    } catch (error) {
      if (!flags['ignore-pull-failures']) throw error
      context.warn(`warning: ${(error as Error).message}`)
    }
  },
})
