/** What a step does to the engine. Names are the engine's names; `service` and `key` are the project's. */
export type Action =
  | { kind: 'create-network'; key: string; name: string }
  | { kind: 'remove-network'; name: string }
  | { kind: 'create-volume'; key: string; name: string }
  | { kind: 'remove-volume'; name: string }
  | { kind: 'pull-image'; image: string; service: string }
  | { kind: 'remove-image'; image: string }
  | { kind: 'create-container'; service: string; number: number; name: string }
  /** `old` is stopped and removed, its anonymous volumes are carried over unless `renewVolumes`. */
  | { kind: 'replace-container'; service: string; number: number; name: string; old: string; renewVolumes: boolean }
  /** `id` is absent when an earlier step creates it. */
  | { kind: 'start-container'; service: string; number: number; name: string; id?: string }
  | { kind: 'restart-container'; name: string; id: string }
  /** Gives a container, whose recreation was cut short, the name that it was made for. */
  | { kind: 'rename-container'; name: string; id: string }
  | { kind: 'stop-container'; name: string; id: string }
  /** `anonymous` are volumes that a recreation carried over: the engine takes those for named ones. */
  | { kind: 'remove-container'; name: string; id: string; volumes: boolean; anonymous?: string[] }
  /** Blocks until every container of `service` meets the condition. */
  | {
      kind: 'await'
      service: string
      condition: 'service_healthy' | 'service_completed_successfully'
      required: boolean
    }

export interface Step {
  id: string
  /** Ids of the steps that must be done before. */
  needs: string[]
  action: Action
  /** Why, in a few words. */
  cause: string
}

export interface Plan {
  steps: Step[]
  warnings: string[]
}

/** The plan as text, one step a line, in the order in which they were decided. */
export function printPlan(plan: Plan): string {
  const lines = plan.steps.map(({ action, cause }) => `${describe(action)}  (${cause})`)
  return lines.length > 0 ? `${lines.join('\n')}\n` : 'nothing to do\n'
}

export function describe(action: Action): string {
  const verb = action.kind.replace('-', ' ')
  if (action.kind === 'await') {
    return `await ${action.service} ${action.condition.replace('service_', '').replaceAll('_', ' ')}`
  }
  return `${verb} ${'name' in action ? action.name : action.image}`
}
