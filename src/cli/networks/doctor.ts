import type { DoctorCheck } from '#model/doctor.ts'
import { defineCommand, unsupportedFormat } from '../core/command.ts'
import { wrap } from '../core/help.ts'
import { table, textWidth } from '../render/table.ts'

export const command = defineCommand({
  usage: '[OPTIONS]',
  args: [0, 0],
  description: `Say what of the host stands in the way of networks

Looks at the host's settings, at every chain of its packet filter, and at what they do to
packets of each network and published port; the command that mends it follows. Nothing
is changed.

Exit code: 0 when nothing stands in the way, 1 when something does.`,
  flags: {
    format: {
      type: 'string',
      default: 'table',
      help: 'Format the output. Values: [table | json]',
      complete: ['table', 'json'],
    },
    quiet: { type: 'bool', short: 'q', help: 'Only what is not as it should be' },
  },
  async run(context, { flags }) {
    if (flags.format !== 'json' && flags.format !== 'table') throw unsupportedFormat(flags.format, ['table', 'json'])
    const report = await context.client.networks.doctor()
    if (flags.format === 'json') context.print(JSON.stringify(report, null, 2))
    else
      context.stdout.write(renderChecks(flags.quiet ? report.checks.filter(isTrouble) : report.checks, context.columns))
    return report.problems > 0 ? 1 : 0
  },
})

const isTrouble = ({ status }: DoctorCheck) => status === 'warn' || status === 'fail'

/** Commands come below, uncut, so that they can be pasted. */
function renderChecks(checks: readonly DoctorCheck[], columns = Infinity): string {
  const before = Math.max(10, ...checks.map(({ check }) => textWidth(check) + 3)) + 10
  const rows = checks.flatMap(({ check, status, detail }) => {
    const [first = '', ...rest] = wrap(detail, Math.max(24, columns - before))
    return [[check, status, first], ...rest.map(line => ['', '', line])]
  })
  const fixes = checks.filter(({ fix, status }) => fix !== '' && status !== 'ok')
  const mends = fixes.map(({ check, fix }) => `mend ${check}: ${fix}\n`)
  return `${table([['CHECK', 'STATUS', 'DETAIL'], ...rows])}${mends.length > 0 ? '\n' : ''}${[...new Set(mends)].join('')}`
}
