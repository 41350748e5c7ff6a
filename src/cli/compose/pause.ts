import { perContainer } from './simple.ts'

export const command = perContainer({
  flags: {},
  doing: 'Pausing',
  done: 'Paused',
  states: ['running'],
  act: (context, one) => context.client.containers.pause(one.id),
})
