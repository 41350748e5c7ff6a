import type { Group } from '../core/command.ts'

/** Owned by the compose part: group flags are those before the command (`compose -f x up`), see `Input.group`. */
export const composeGroup: Group = {
  name: 'compose',
  summary: 'Define and run multi-container applications',
  flags: {},
  commands: [],
}
