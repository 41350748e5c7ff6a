import { isAbsolute, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { invalid } from '#lib/errors.ts'

/** Where backups lie, as the URL tells it. Directories and prefixes end with a slash, or are empty. */
export type Place =
  | { kind: 'directory'; path: string }
  | { kind: 'ssh'; user?: string; host: string; port?: number; path: string }
  | { kind: 's3'; bucket: string; prefix: string }

const SCHEME = /^([a-z][a-z0-9+.-]*):\/\//i

/** Whether a text names a place by a URL that is none of this host's files. */
export function isRemote(text: string): boolean {
  const scheme = SCHEME.exec(text)?.[1]?.toLowerCase()
  return scheme !== undefined && scheme !== 'file'
}

/**
 * @param url `/path`, `file:///path`, `ssh://[user@]host[:port]/path` (`/~/path`: below the user's home), `s3://bucket/prefix`
 * @throws invalid
 */
export function parsePlace(url: string): Place {
  const scheme = SCHEME.exec(url)?.[1]?.toLowerCase()
  if (scheme === undefined) {
    if (!isAbsolute(url)) throw invalid(`invalid place ${JSON.stringify(url)}: it must be an absolute path or a URL`)
    return directory(url)
  }
  if (scheme === 's3') return s3Place(url)
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (!parsed) throw invalid(`invalid place ${JSON.stringify(url)}: it is no URL`)
  if (scheme === 'file') {
    if (parsed.host !== '') throw invalid(`invalid place ${url}: file URLs have three slashes: file:///path`)
    return directory(fileURLToPath(parsed))
  }
  if (scheme === 'ssh') return sshPlace(parsed, url)
  throw invalid(`unsupported place ${scheme}://: use a directory, ssh://user@host/path or s3://bucket/prefix`)
}

/**
 * The place and the name of one object: `s3://bucket/dir/a.tar.zst` is `a.tar.zst` in `s3://bucket/dir/`.
 * @throws invalid when it ends with a slash or names no object
 */
export function splitObjectUrl(url: string): { place: string; name: string } {
  const cut = url.lastIndexOf('/') + 1
  const name = url.slice(cut)
  const scheme = SCHEME.exec(url)?.[0] ?? ''
  if (name === '' || cut <= scheme.length) throw invalid(`${url} names no file: add one after a slash`)
  return { place: url.slice(0, cut), name: scheme.toLowerCase() === 'file://' ? decodeURIComponent(name) : name }
}

function directory(path: string): Place {
  if (path.includes('\0')) throw invalid('invalid place: the path contains a null byte')
  return { kind: 'directory', path: slashed(normalize(path)) }
}

// Not parsed as a URL: keys may hold `?`, `#` and `%`, which mean themselves.
function s3Place(url: string): Place {
  const rest = url.slice('s3://'.length)
  const cut = rest.indexOf('/')
  const bucket = cut < 0 ? rest : rest.slice(0, cut)
  const prefix = cut < 0 ? '' : rest.slice(cut + 1)
  if (!/^[a-z0-9][a-z0-9._-]{1,62}$/i.test(bucket)) {
    throw invalid(`invalid bucket ${JSON.stringify(bucket)} in ${url}: use s3://bucket/prefix`)
  }
  return { kind: 's3', bucket, prefix: prefix === '' ? '' : slashed(prefix) }
}

function sshPlace({ hostname, username, password, port, pathname }: URL, url: string): Place {
  if (password !== '') throw invalid('passwords do not belong into an ssh URL: use a key or an agent')
  const host = decodeURIComponent(hostname).replace(/^\[(.*)\]$/, '$1')
  const user = decodeURIComponent(username)
  // A leading dash would be an option of ssh(1).
  if (host === '' || /^-|[\s\0]/.test(host)) throw invalid(`invalid host in ${url}: use ssh://user@host/path`)
  if (/^-|[\s\0@]/.test(user)) throw invalid(`invalid user in ${url}: use ssh://user@host/path`)
  const path = slashed(decodeURIComponent(pathname))
  if (path.includes('\0')) throw invalid(`invalid path in ${url}: it contains a null byte`)
  return {
    kind: 'ssh',
    ...(user !== '' && { user }),
    host,
    ...(port !== '' && { port: Number(port) }),
    path: path.startsWith('/~/') ? `./${path.slice(3)}` : path,
  }
}

const slashed = (path: string) => (path.endsWith('/') ? path : `${path}/`)
