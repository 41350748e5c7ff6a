import { invalid } from '#lib/errors.ts'

/** A parsed image name. `tag` and `digest` are absent unless written; see `withDefaultTag`. */
export interface Reference {
  /** `docker.io`, `localhost:5000`. */
  domain: string
  /** `library/busybox`. */
  path: string
  tag?: string
  /** `sha256:…`. */
  digest?: string
}

const DEFAULT_DOMAIN = 'docker.io'
const LABEL = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?'
const DOMAIN = `(?:${LABEL}(?:\\.${LABEL})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`
const COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const FULL = new RegExp(
  `^(${DOMAIN})/(${COMPONENT}(?:/${COMPONENT})*)(?::([\\w][\\w.-]{0,127}))?` +
    `(?:@([A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?$`,
)
const MAX_PATH = 255
const DIGEST_LENGTH: Record<string, number> = { sha256: 64, sha384: 96, sha512: 128 }

/**
 * Parses a name as Docker does and fills in the registry and `library/`; a tag is not added.
 * @throws invalid, in Docker's words (clients match on `invalid reference format`)
 */
export function parseReference(text: string): Reference {
  if (/^[a-f0-9]{64}$/.test(text)) {
    throw invalid(
      `invalid reference format: repository name (${text}) cannot be a 64-byte hexadecimal string, which is an image id`,
    )
  }
  const [domain, remainder] = splitDomain(text)
  const name = remainder.split('@')[0]!.split(':')[0]!
  if (name !== name.toLowerCase()) {
    throw invalid(`invalid reference format: repository name (${name}) must be lowercase`)
  }
  const match = FULL.exec(`${domain}/${remainder}`)
  if (!match) throw invalid('invalid reference format')
  const [, host, path, tag, digest] = match as unknown as [string, string, string, string?, string?]
  if (path.length > MAX_PATH) {
    throw invalid('invalid reference format: repository name must not be more than 255 characters')
  }
  if (digest !== undefined) checkDigest(digest)
  return { domain: host, path, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) }
}

function splitDomain(text: string): [domain: string, remainder: string] {
  const at = text.indexOf('/')
  const head = text.slice(0, Math.max(at, 0))
  let domain = DEFAULT_DOMAIN
  let remainder = text
  // A first part without dot, port or capital is a user of the default registry, not a host.
  if (at >= 0 && (/[.:]/.test(head) || head === 'localhost' || head !== head.toLowerCase())) {
    domain = head === 'index.docker.io' ? DEFAULT_DOMAIN : head
    remainder = text.slice(at + 1)
  }
  if (domain === DEFAULT_DOMAIN && !remainder.includes('/')) remainder = `library/${remainder}`
  return [domain, remainder]
}

/** @throws invalid unless it is a well-formed digest of a known algorithm */
export function checkDigest(digest: string): void {
  const at = digest.indexOf(':')
  const length = DIGEST_LENGTH[digest.slice(0, at)]
  if (length === undefined) throw invalid('invalid reference format: unsupported digest algorithm')
  if (digest.length - at - 1 !== length) throw invalid('invalid reference format: invalid checksum digest length')
  if (!/^[a-f0-9]+$/.test(digest.slice(at + 1)))
    throw invalid('invalid reference format: invalid checksum digest format')
}

/** Whether the text is a whole `sha256:…` digest. */
export function isDigest(text: string): boolean {
  return /^sha256:[a-f0-9]{64}$/.test(text)
}

/** `latest` where neither tag nor digest was written. */
export function withDefaultTag(reference: Reference): Reference {
  return reference.tag === undefined && reference.digest === undefined ? { ...reference, tag: 'latest' } : reference
}

/** `docker.io/library/busybox`. */
export function nameOf(reference: Reference): string {
  return `${reference.domain}/${reference.path}`
}

/** `busybox`, `user/x`, `localhost:5000/x`. */
export function familiarName(reference: Reference): string {
  if (reference.domain !== DEFAULT_DOMAIN) return nameOf(reference)
  const parts = reference.path.split('/')
  return parts.length === 2 && parts[0] === 'library' ? parts[1]! : reference.path
}

const suffix = (reference: Reference): string =>
  (reference.tag === undefined ? '' : `:${reference.tag}`) +
  (reference.digest === undefined ? '' : `@${reference.digest}`)

/** The normalized text, as image records keep it. */
export function referenceText(reference: Reference): string {
  return nameOf(reference) + suffix(reference)
}

/** The text to show. */
export function familiarText(reference: Reference): string {
  return familiarName(reference) + suffix(reference)
}

/** The familiar form of a stored, normalized reference. */
export function familiarOf(normalized: string): string {
  const match = /^docker\.io\/(?:library\/(?=[^/]+$))?(.*)$/s.exec(normalized)
  return match ? match[1]! : normalized
}
