import { familiarName, familiarText } from '#codec/oci/reference.ts'
import { BerthError, kindOf, messageOf, notFound } from '#lib/errors.ts'
import type { Reference } from '#codec/oci/reference.ts'
import type { RegistryAuth } from '#ports/registry.ts'

/** Says in Docker's words what a registry's refusal means for the image asked for. */
export function pullError(error: unknown, reference: Reference, auth?: RegistryAuth): Error {
  const name = familiarName(reference)
  const reason = messageOf(error)
  if (!(error instanceof BerthError)) return new BerthError('system', reason, { cause: error })
  const { code, status } = error.details
  const options = { details: error.details }
  if (code === 'MANIFEST_UNKNOWN' || (kindOf(error) === 'not-found' && code === '')) {
    const words = code === '' ? 'manifest unknown: manifest unknown' : reason
    return notFound(`manifest for ${familiarText(reference)} not found: ${words}`, options)
  }
  if (code === 'NAME_UNKNOWN') return notFound(`repository ${name} not found: ${reason}`, options)
  // A registry that hides what exists asks strangers for a login.
  if (code === 'DENIED' || status === 403 || (status === 401 && !auth?.username && !auth?.identitytoken)) {
    const denied = 'denied: requested access to the resource is denied'
    return notFound(
      `pull access denied for ${name}, repository does not exist or may require 'docker login': ${denied}`,
      options,
    )
  }
  return error
}

/** Errors that no other mirror would change. */
export function isFinal(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}
