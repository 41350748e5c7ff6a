import { CliError } from '../core/command.ts'

const DOMAIN =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[\da-fA-F:]+\])(?::\d+)?$/
const PATH = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/
const TAG = /^[\w][\w.-]{0,127}$/
const DIGEST = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/

/** What is wrong with an image's name, in Docker's words; undefined when nothing is. */
export function referenceFault(reference: string): string | undefined {
  if (/^(sha256:)?[\da-f]{64}$/.test(reference)) return undefined
  const [named = '', digest] = reference.split('@') as [string, string?]
  if (digest !== undefined && !DIGEST.test(digest)) return 'invalid reference format'
  const slash = named.indexOf('/')
  const first = slash < 0 ? '' : named.slice(0, slash)
  const hasDomain = first !== '' && (/[.:[]/.test(first) || first === 'localhost' || first.toLowerCase() !== first)
  if (hasDomain && !DOMAIN.test(first)) return 'invalid reference format'
  const remote = hasDomain ? named.slice(slash + 1) : named
  const colon = remote.lastIndexOf(':')
  const path = colon < 0 ? remote : remote.slice(0, colon)
  if (colon >= 0 && !TAG.test(remote.slice(colon + 1))) return 'invalid reference format'
  if (path !== path.toLowerCase()) {
    const full = hasDomain ? `${first}/${path}` : path.includes('/') ? path : `library/${path}`
    return `invalid reference format: repository name (${full}) must be lowercase`
  }
  return PATH.test(path) ? undefined : 'invalid reference format'
}

/** @throws CliError with that exit code */
export function checkReference(reference: string, exitCode = 1): void {
  const fault = referenceFault(reference)
  if (fault !== undefined) throw new CliError(fault, exitCode)
}
