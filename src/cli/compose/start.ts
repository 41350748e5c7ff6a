import { perContainer } from './simple.ts'

export const command = perContainer({
  flags: {},
  doing: 'Starting',
  done: 'Started',
  states: ['created', 'exited'],
  act: (context, one) => context.client.containers.start(one.id),
})
