/** Lexical path work on container and host paths, `/`-rooted (path.Clean of Go). */
export function cleanPath(path: string): string {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..') parts.pop()
    else parts.push(part)
  }
  return `/${parts.join('/')}`
}

/** What is left of `path` below `directory`, `/`-rooted; undefined when it is not inside. */
export function below(path: string, directory: string): string | undefined {
  if (path === directory) return '/'
  const prefix = directory === '/' ? '/' : `${directory}/`
  return path.startsWith(prefix) ? path.slice(prefix.length - 1) : undefined
}

/** Joins cleaned pieces; `..` never climbs above the first. */
export function join(root: string, ...rest: string[]): string {
  const inner = cleanPath(rest.join('/'))
  return inner === '/' ? root : `${root === '/' ? '' : root}${inner}`
}
