import { list, string, type Field } from './fields.ts'

/**
 * `x-berth-egress`: one text or a list of what may be reached, with or without `allow=` before it, written as
 * `--egress` takes it. The engine checks the entries.
 */
export const egress: Field<string> = (value, path) => {
  const entries = (Array.isArray(value) ? list(string)(value, path) : [string(value, path)])
    .flatMap(entry => entry.split(','))
    .map(entry => entry.trim().replace(/^allow=/, ''))
    .filter(Boolean)
  return `allow=${[...new Set(entries)].join(',')}`
}
