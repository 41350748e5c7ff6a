/** Splits `host:5000/a/b:tag` or `a@sha256:…`; a digest counts as the tag, as in the API's queries. */
export function splitReference(reference: string): { repository: string; tag?: string } {
  const at = reference.indexOf('@')
  if (at >= 0) {
    const named = splitReference(reference.slice(0, at))
    return { repository: named.repository, tag: reference.slice(at + 1) }
  }
  const colon = reference.lastIndexOf(':')
  if (colon < 0 || reference.indexOf('/', colon) >= 0) return { repository: reference }
  return { repository: reference.slice(0, colon), tag: reference.slice(colon + 1) }
}

/** The registry that a reference names; `docker.io` when none is written. */
export function registryOf(reference: string): string {
  const slash = reference.indexOf('/')
  const first = slash < 0 ? '' : reference.slice(0, slash)
  const isHost = first.includes('.') || first.includes(':') || first === 'localhost'
  return isHost && first !== 'index.docker.io' ? first : 'docker.io'
}
