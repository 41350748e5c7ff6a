import type { RestartPolicy, Ulimit } from '#wire/index.ts'
import { CliError } from '../../core/command.ts'
import { parseBytes } from '../../core/values.ts'

const ULIMITS = new Set(
  'core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack'.split(' '),
)

export function checkUlimit(text: string): string {
  parseUlimit(text)
  return text
}

/** `nofile=1024[:2048]`, -1 unlimited. */
export function parseUlimit(text: string): Ulimit {
  const match = /^([^=]+)=(.+)$/.exec(text)
  if (!match) throw new Error(`invalid ulimit argument: ${text}`)
  const [, name, values] = match as unknown as [string, string, string]
  if (!ULIMITS.has(name)) throw new Error(`invalid ulimit type: ${name}`)
  const [soft, hard = soft, more] = values.split(':') as [string, string?, string?]
  if (more !== undefined)
    throw new Error(`too many limit value arguments - ${values}, can only have up to two, \`soft[:hard]\``)
  for (const value of [soft, hard]) {
    if (!/^-?\d+$/.test(value!)) throw new Error(`strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`)
  }
  const limit = { Name: name, Soft: Number(soft), Hard: Number(hard) }
  if (limit.Hard !== -1 && (limit.Soft === -1 || limit.Soft > limit.Hard)) {
    throw new Error(`ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`)
  }
  return limit
}

/** `no`, `always`, `unless-stopped`, `on-failure[:N]`. */
export function parseRestart(text: string): RestartPolicy {
  const [name, count, more] = text.split(':') as [string, string?, string?]
  if (name === '' && text !== '')
    throw new CliError('invalid restart policy format: no policy provided before colon', 125)
  if (more !== undefined) throw new CliError('invalid restart policy format', 125)
  if (count !== undefined && !/^\d+$/.test(count)) {
    throw new CliError('invalid restart policy format: maximum retry count must be an integer', 125)
  }
  return { Name: name as RestartPolicy['Name'], MaximumRetryCount: Number(count ?? 0) }
}

/** `/dev/sda:200`. */
export function parseWeight(text: string): { Path: string; Weight: number } {
  const match = /^(\/dev\/[^:]+):(\d+)$/.exec(text)
  if (!match) throw new CliError(`bad format: ${text}`, 125)
  return { Path: match[1]!, Weight: Number(match[2]) }
}

/** `/dev/sda:1mb` or, for operations, `/dev/sda:1000`. */
export function parseRate(text: string): { Path: string; Rate: number } {
  const match = /^(\/dev\/[^:]+):(.+)$/.exec(text)
  if (!match) throw new CliError(`bad format: ${text}`, 125)
  try {
    return { Path: match[1]!, Rate: parseBytes(match[2]!) }
  } catch {
    throw new CliError(
      `invalid rate for device: ${text}. The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb`,
      125,
    )
  }
}
