/** Filters as people give them: `{ label: ['a=b'], status: ['running'] }`. */
export type FilterMap = Record<string, string[]>
export type QueryValue = string | number | boolean | undefined | readonly string[] | FilterMap
export type Query = Record<string, QueryValue>

/** `?a=1&b=…`: undefined left out, booleans as 1 and 0, lists repeated, filters as JSON. */
export function queryString(query: Query): string {
  const parts: string[] = []
  const add = (key: string, value: string) => parts.push(`${key}=${encodeURIComponent(value)}`)
  for (const [key, value] of Object.entries(query)) {
    if (value === undefined) continue
    if (typeof value === 'boolean') add(key, value ? '1' : '0')
    else if (Array.isArray(value)) for (const item of value as readonly string[]) add(key, item)
    else if (typeof value === 'object') {
      if (Object.keys(value).length > 0) add(key, JSON.stringify(value))
    } else add(key, String(value))
  }
  return parts.length > 0 ? `?${parts.join('&')}` : ''
}

/** One path segment; slashes of an image name stay. */
export function segment(name: string): string {
  return encodeURIComponent(name).replaceAll('%2F', '/').replaceAll('%3A', ':').replaceAll('%40', '@')
}
