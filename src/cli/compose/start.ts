import { notFound } from '#lib/errors.ts'
import { planStart } from '#compose/plan/order.ts'
import { defineCommand } from '../core/command.ts'
import { exclusively } from './lock.ts'
import { containersOf } from './project.ts'
import { runPlan } from './run-plan.ts'

export const command = defineCommand({
  usage: '[SERVICE...]',
  args: [0, Infinity],
  flags: {},
  async run(context, input) {
    const { name } = await containersOf(context, input, input.args)
    await exclusively(context, name, async () => {
      const { containers, observed, project } = await containersOf(context, input, input.args)
      for (const service of input.args) {
        if (!containers.some(one => one.service === service)) {
          throw notFound(`service "${service}" has no container to start`)
        }
      }
      await runPlan(context, input, { project, observed, plan: planStart(containers) })
    })
  },
})
