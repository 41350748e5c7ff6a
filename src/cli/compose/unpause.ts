import { perContainer } from './simple.ts'

export const command = perContainer({
  flags: {},
  doing: 'Unpausing',
  done: 'Unpaused',
  states: ['paused'],
  act: (context, one) => context.client.containers.unpause(one.id),
})
