import type { Report } from '#compose/execute.ts'
import type { Action } from '#compose/plan/step.ts'
import type { Context } from '../core/context.ts'

const VERBS: Record<Action['kind'], [noun: string, doing: string, done: string]> = {
  'create-network': ['Network', 'Creating', 'Created'],
  'remove-network': ['Network', 'Removing', 'Removed'],
  'create-volume': ['Volume', 'Creating', 'Created'],
  'remove-volume': ['Volume', 'Removing', 'Removed'],
  'pull-image': ['Image', 'Pulling', 'Pulled'],
  'remove-image': ['Image', 'Removing', 'Removed'],
  'create-container': ['Container', 'Creating', 'Created'],
  'replace-container': ['Container', 'Recreate', 'Recreated'],
  'start-container': ['Container', 'Starting', 'Started'],
  'restart-container': ['Container', 'Restarting', 'Restarted'],
  'stop-container': ['Container', 'Stopping', 'Stopped'],
  'rename-container': ['Container', 'Renaming', 'Renamed'],
  'remove-container': ['Container', 'Removing', 'Removed'],
  await: ['Container', 'Waiting', 'Healthy'],
}

const nameOf = (action: Action) =>
  action.kind === 'await' ? action.service : 'name' in action ? action.name : action.image

/** Shows the steps of a plan as they go: one changing line an object on a terminal, else a line a change. */
export function progress(context: Context, mode: string): { report: (report: Report) => void; end: () => void } {
  if (mode === 'quiet') return { report: () => {}, end: () => {} }
  const tty = mode === 'tty' || (mode === 'auto' && context.stderr.isTTY)
  return tty ? live(context) : plain(context)
}

/** @returns undefined for a report that shows nothing: a waiting step shows the containers it waits for */
function line(report: Report): { object: string; state: string } | undefined {
  const [noun, doing, done] = VERBS[report.step.action.kind]
  if (report.step.action.kind === 'await' && !report.container) return undefined
  const state = report.status === 'done' ? (report.state ?? done) : report.status === 'failed' ? 'Error' : doing
  return { object: `${noun} ${report.container ?? nameOf(report.step.action)}`, state }
}

function plain(context: Context) {
  return {
    report(report: Report) {
      if (report.status === 'working' && report.detail) return
      const shown = line(report)
      if (shown) context.warn(` ${shown.object}  ${shown.state}`)
    },
    end() {},
  }
}

function live(context: Context) {
  const rows = new Map<
    string,
    { state: string; detail: string; status: Report['status']; since: number; until?: number }
  >()
  let drawn = 0
  let timer: NodeJS.Timeout | undefined
  const paint = (text: string, code: number) => (context.colour ? `\x1b[${code}m${text}\x1b[0m` : text)
  const draw = () => {
    const width = context.stderr.columns ?? 80
    const lines = [...rows].map(([object, row]) => {
      const mark = row.status === 'done' ? paint('✔', 32) : row.status === 'failed' ? paint('✘', 31) : paint('⠿', 34)
      const seconds = `${(((row.until ?? Date.now()) - row.since) / 1000).toFixed(1)}s`
      const text = `${object}  ${row.state}${row.detail && row.status === 'working' ? ` (${row.detail})` : ''}`
      const room = Math.max(10, width - seconds.length - 5)
      return ` ${mark} ${text.slice(0, room).padEnd(room)} ${seconds}`
    })
    context.stderr.write(`${drawn > 0 ? `\x1b[${drawn}A` : ''}${lines.map(one => `\x1b[2K${one}\n`).join('')}`)
    drawn = lines.length
  }
  return {
    report(report: Report) {
      const shown = line(report)
      if (!shown) return
      const { object, state } = shown
      const row = rows.get(object)
      const until = report.status === 'working' ? undefined : Date.now()
      rows.set(object, {
        state,
        detail: report.detail ?? '',
        status: report.status,
        since: row?.since ?? Date.now(),
        until,
      })
      timer ??= setInterval(draw, 100)
    },
    end() {
      clearInterval(timer)
      if (rows.size > 0) draw()
    },
  }
}
