import { invalid } from '#lib/errors.ts'

/** Minor number of an API version 1.x. */
export type ApiVersion = number

export const MIN_API: ApiVersion = 24
export const MAX_API: ApiVersion = 51

export const formatVersion = (minor: ApiVersion) => `1.${minor}`

/**
 * Splits `/v1.43/containers/json` into version and path; a path without a version means the newest.
 * @throws invalid in Docker's words when the version is outside the range
 */
export function splitVersion(path: string): { version: ApiVersion; path: string } {
  const match = /^\/v([0-9]+)(?:\.([0-9]+))?(?=\/|$)/.exec(path)
  if (!match) return { version: MAX_API, path }
  const [prefix, major, minor] = match
  const asked = minor === undefined ? major! : `${major}.${minor}`
  const value = Number(major) * 1000 + Number(minor ?? 0)
  if (value < 1000 + MIN_API) {
    throw invalid(
      `client version ${asked} is too old. Minimum supported API version is ${formatVersion(MIN_API)}, please upgrade your client to a newer version`,
    )
  }
  if (value > 1000 + MAX_API) {
    throw invalid(`client version ${asked} is too new. Maximum supported API version is ${formatVersion(MAX_API)}`)
  }
  return { version: Number(minor), path: path.slice(prefix.length) || '/' }
}
