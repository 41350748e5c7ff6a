import { ALIVE, TIMEOUT, perContainer } from './simple.ts'

export const command = perContainer({
  flags: { timeout: TIMEOUT },
  doing: 'Stopping',
  done: 'Stopped',
  states: ALIVE,
  act: (context, one, flags, changed) =>
    context.client.containers.stop(one.id, { timeout: changed.has('timeout') ? flags.timeout : undefined }),
})
