import { ALIVE, perContainer } from './simple.ts'

export const command = perContainer({
  flags: { signal: { type: 'string', short: 's', default: 'SIGKILL', help: 'SIGNAL to send to the container' } },
  doing: 'Killing',
  done: 'Killed',
  states: ALIVE,
  act: (context, one, flags) => context.client.containers.kill(one.id, flags.signal),
})
