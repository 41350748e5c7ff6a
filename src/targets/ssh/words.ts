import { BerthError, conflict, notFound, system, unavailable } from '#lib/errors.ts'
import { EXIT } from './scripts.ts'

/** ssh(1)'s own exit code, when it is not the far end's program's. */
const SSH_FAILED = 255

export interface Ended {
  /** null when it was ended by a signal. */
  code: number | null
  stderr: string
}

/** Lines that say nothing of what is wrong. */
const NOISE =
  /^(Warning: Permanently added|\d+\+\d+ records|\d+ bytes|debug\d|Connection to .* closed|Killed by signal)/

/** What is wrong, in words that say what to do. @param host `user@host`, or `host` */
export function sshError({ code, stderr }: Ended, host: string, place: string, object: string): BerthError {
  const lines = stderr.split('\n').filter(line => line.trim() !== '' && !NOISE.test(line))
  const last = (lines.at(-1) ?? '').trim()
  const details = { host, exitCode: code }
  const says = (text: RegExp) => text.test(stderr)
  if (code === SSH_FAILED || code === null) {
    if (says(/Permission denied \(|Too many authentication failures|no mutual signature/)) {
      const hint = 'add your key there (ssh-copy-id), or name it in ~/.ssh/config'
      return new BerthError('unauthenticated', `${host} refuses the login: ${last}: ${hint}`, { details })
    }
    if (says(/Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED|No .* host key is known/)) {
      const hint = `connect once with ssh ${host} and check its key`
      return new BerthError('unauthenticated', `the host key of ${host} is not known, or another one now: ${hint}`, {
        details,
      })
    }
    if (says(/Could not resolve hostname|Name or service not known/)) {
      return unavailable(`unknown host ${host}: ${last.replace(/^ssh: /, '')}`, {
        details: { ...details, first: true },
      })
    }
    const why = last.replace(/^ssh: /, '').replace(/\r/g, '')
    return unavailable(why === '' ? `the connection to ${host} broke` : `cannot reach ${host} by ssh: ${why}`, {
      details,
    })
  }
  // Of the shell that reads BERTH_SSH here.
  if ((code === 127 || code === 126) && says(/exec: /)) return system(`cannot run BERTH_SSH: ${last}`, { details })
  if (code === EXIT.noPlace) return notFound(`${place} on ${host}: no such directory: make it first`, { details })
  if (code === EXIT.absent) return notFound(`${place}${object} on ${host}: no such backup`, { details })
  if (says(/No space left on device/)) return system(`no space left on ${host} for ${place}${object}`, { details })
  if (says(/[Qq]uota exceeded/)) return system(`the disk quota on ${host} is used up: ${place}${object}`, { details })
  if (says(/Permission denied|Operation not permitted/)) {
    return system(`no permission for ${place}${object} on ${host}`, { details })
  }
  if (says(/Read-only file system/)) return system(`${place} on ${host} is read-only`, { details })
  if (says(/Is a directory/)) return conflict(`${place}${object} on ${host} is a directory`, { details })
  return system(`${place}${object} on ${host}: ${last || `exit code ${code}`}`, { details })
}

/** Whether asking again may help: the far end is there, but the way to it broke. */
export const isBroken = (error: unknown) => error instanceof BerthError && error.kind === 'unavailable'
