import { invalid } from '#lib/errors.ts'
import { z } from 'zod'

/*
 * Engine API documents as Go decodes them: null means the zero value anywhere, unknown fields are ignored, a value of
 * another type is an error. What values may be is checked by plain functions beside each schema.
 */
export const text = z.string().nullish()
export const flag = z.boolean().nullish()
/** An int64; JavaScript holds the whole range well enough for limits in bytes. */
export const integer = z
  .number()
  .refine(value => Number.isInteger(value) && Math.abs(value) <= 2 ** 63, { message: 'int64' })
  .nullish()
/** Stops at the first that is none: a million complaints take seconds to write. */
const stringList = z.array(z.unknown()).superRefine((list, context) => {
  const wrong = list.findIndex(item => typeof item !== 'string')
  if (wrong < 0) return
  context.addIssue({ code: 'invalid_type', expected: 'string', path: [wrong], input: list[wrong] })
}) as unknown as z.ZodType<string[]>
export const strings = stringList.nullish()
export const stringMap = (
  z.record(z.string(), z.unknown()).superRefine((map, context) => {
    for (const key in map) {
      if (map[key] === null || typeof map[key] === 'string') continue
      context.addIssue({ code: 'invalid_type', expected: 'string', path: [key], input: map[key] })
      return
    }
  }) as unknown as z.ZodType<Record<string, string | null>>
).nullish()
/** A set: `{"80/tcp": {}}`. */
export const keySet = z.record(z.string(), z.looseObject({}).nullable()).nullish()
/** `"a b"` or `["a", "b"]`. */
export const command = z.union([z.string(), stringList]).nullish()

const GO_TYPE: Readonly<Record<string, string>> = {
  string: 'string',
  boolean: 'bool',
  number: 'int64',
  int: 'int64',
  array: 'list',
  record: 'object',
  object: 'object',
  tuple: 'list',
}

/** @throws invalid naming the field and both types */
export function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]!
  const path = issue.path.map(String).join('.')
  const found = typeName(at(value, issue.path))
  const wanted = wantedType(issue)
  throw invalid(`invalid JSON: cannot unmarshal ${found} into field ${path || '(the body)'} of type ${wanted}`)
}

type Issue = z.core.$ZodIssue

function wantedType(issue: Issue): string {
  if (issue.code === 'invalid_type') return GO_TYPE[issue.expected] ?? issue.expected
  if (issue.code === 'invalid_union') return 'string or list of strings'
  if (issue.code === 'custom') return issue.message
  return issue.code
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  let current = value
  for (const key of path) {
    if (typeof current !== 'object' || current === null) return undefined
    current = (current as Record<PropertyKey, unknown>)[key]
  }
  return current
}

function typeName(value: unknown): string {
  if (value === null) return 'null'
  if (value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'list'
  if (typeof value === 'number') return `number ${value}`
  return typeof value === 'boolean' ? 'bool' : typeof value
}

/** Drops null values, which Go decodes to ''. */
export function plainMap(map: Record<string, string | null> | null | undefined): Record<string, string> {
  const result: Record<string, string> = {}
  for (const key in map) result[key] = map[key] ?? ''
  return result
}

export function argv(value: string | string[] | null | undefined): string[] | null {
  return typeof value === 'string' ? [value] : (value ?? null)
}
