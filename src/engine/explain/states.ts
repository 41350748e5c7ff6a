import type { Report } from '#model/report.ts'
import type { ContainerParty } from './parties.ts'

/** @returns whether it can be looked into */
export function sourceState(report: Report, source: ContainerParty): boolean {
  const { name, status } = source
  if (status === 'running') {
    report.ok('source', `container ${name}`, 'runs')
    return true
  }
  if (status === 'paused') {
    report.fail(
      'source',
      `container ${name}`,
      'is paused',
      'source-paused',
      `${name} is paused and sends nothing`,
      `berth unpause ${name}`,
    )
    return true
  }
  const detail = `is ${status}`
  report.fail(
    'source',
    `container ${name}`,
    detail,
    'source-not-running',
    `${name} does not run`,
    `berth start ${name}`,
  )
  return false
}

/** @returns whether it can be looked into */
export function targetState(report: Report, target: ContainerParty): boolean {
  const { name, status, record } = target
  const subject = `container ${name}`
  const { state } = record
  const fail = (detail: string, code: Parameters<Report['fail']>[3], summary: string, fix: string) =>
    report.fail('target', subject, detail, code, summary, fix)
  switch (status) {
    case 'running':
      if ('health' in state && state.health?.Status === 'unhealthy') {
        report.warn('target', subject, 'runs, but its health check fails')
      } else report.ok('target', subject, 'runs')
      return true
    case 'paused':
      fail('is paused', 'target-paused', `${name} is paused and answers nothing`, `berth unpause ${name}`)
      return true
    case 'restarting':
      fail(
        `restarts again and again (${record.restartCount} times)`,
        'target-restarting',
        `${name} ends each time soon after its start`,
        `berth logs ${name}`,
      )
      return false
    case 'exited':
    case 'dead': {
      const last = 'last' in state ? state.last : undefined
      const code = last?.code ?? 0
      if (isPortTaken(last?.error)) return portTaken(report, target, last!.error)
      if (code === 0 || record.stoppedByUser) {
        fail('does not run', 'target-not-running', `${name} is stopped`, `berth start ${name}`)
      } else {
        fail(
          `ended with exit code ${code}`,
          'target-crashed',
          `${name} crashed with exit code ${code}`,
          `berth logs ${name}`,
        )
      }
      return false
    }
    default: {
      if (status === 'removing') {
        fail('is being removed', 'target-not-running', `${name} is being removed`, '')
        return false
      }
      const error = state.kind === 'created' ? state.error : undefined
      if (isPortTaken(error)) return portTaken(report, target, error!)
      fail(`is ${status}`, 'target-not-running', `${name} was never started`, `berth start ${name}`)
      return false
    }
  }
}

const isPortTaken = (error: string | undefined): boolean =>
  /port is already allocated|address already in use/.test(error ?? '')

function portTaken(report: Report, { name }: ContainerParty, error: string): false {
  const port = /(\S+:\d+)/.exec(error.replace(/^.*?(?=bind|Bind)/, ''))?.[1] ?? 'its port'
  report.fail(
    'port',
    `container ${name}`,
    `could not start: ${error}`,
    'port-taken',
    `${name} could not start, because ${port} of the host is taken`,
    `ss -ltnp 'sport = :${port.split(':').at(-1)}'`,
  )
  return false
}
