import { isAlive, planStop } from '#compose/plan/order.ts'
import { defineCommand } from '../core/command.ts'
import { exclusively } from './lock.ts'
import { containersOf } from './project.ts'
import { runPlan } from './run-plan.ts'
import { TIMEOUT } from './simple.ts'

export const command = defineCommand({
  usage: '[OPTIONS] [SERVICE...]',
  args: [0, Infinity],
  flags: { timeout: TIMEOUT },
  async run(context, input) {
    const { flags, changed, args } = input
    const { name } = await containersOf(context, input, args)
    await exclusively(context, name, async () => {
      const { containers, observed, project } = await containersOf(context, input, args)
      const plan = planStop(containers.filter(isAlive))
      const timeout = changed.has('timeout') ? flags.timeout : undefined
      await runPlan(context, input, { project, observed, plan, timeout })
    })
  },
})
