import { ALIVE, TIMEOUT, perContainer } from './simple.ts'

export const command = perContainer({
  flags: { timeout: TIMEOUT },
  doing: 'Restarting',
  done: 'Restarted',
  states: [...ALIVE, 'exited', 'created'],
  act: (context, one, flags, changed) =>
    context.client.containers.restart(one.id, { timeout: changed.has('timeout') ? flags.timeout : undefined }),
})
