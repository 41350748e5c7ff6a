import { forbidden, invalid } from '#lib/errors.ts'

const PREDEFINED = new Set(['bridge', 'host', 'none', 'default'])

/** @throws invalid or forbidden in Docker's words */
export function checkNetworkName(name: string): void {
  if (name === '') throw invalid('network name cannot be empty')
  if (PREDEFINED.has(name)) throw forbidden(`operation is not permitted on predefined ${name} network`)
  if (name.length > 255) throw invalid(`invalid network name "${name.slice(0, 32)}…": it is longer than 255 characters`)
  if (name === 'container' || !/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name) || name.includes('..')) {
    throw invalid(
      `${JSON.stringify(name)} includes invalid characters for a network name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed`,
    )
  }
}

/** What containers call the default network: the API's `default` is `bridge`. */
export const networkNameOf = (reference: string): string => (reference === 'default' ? 'bridge' : reference)
