import { parseEgress } from '#model/egress.ts'
import { messageOf } from '#lib/errors.ts'
import { list, string, wrong, type Field } from './fields.ts'

/**
 * `x-berth-egress`: one text or a list of what may be reached, with or without `allow=` before it, written as
 * `--egress` takes it. An empty list allows nothing.
 */
export const egress: Field<string> = (value, path) => {
  const entries = (Array.isArray(value) ? list(string)(value, path) : [string(value, path)])
    .flatMap(entry => entry.split(','))
    .map(entry => entry.trim().replace(/^allow=/, ''))
    .filter(Boolean)
  const text = `allow=${[...new Set(entries)].join(',')}`
  try {
    parseEgress(text)
  } catch (error) {
    throw wrong(path, `is no egress policy: ${messageOf(error)}`)
  }
  return text
}
