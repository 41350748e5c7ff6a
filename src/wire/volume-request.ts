import { z } from 'zod'
import { checkVolumeName } from './mounts.ts'
import { flag, parse, plainMap, stringMap, text } from './schema.ts'

const createSchema = z.object({ Name: text, Driver: text, DriverOpts: stringMap, Labels: stringMap, Validate: flag })

/** Body of `POST /volumes/create`, complete; none means an anonymous volume. @throws invalid naming the field */
export function volumeCreateRequest(body: unknown) {
  const parsed = parse(createSchema, body ?? {})
  const name = parsed.Name ?? ''
  if (name !== '') checkVolumeName(name)
  return {
    name,
    driver: parsed.Driver || 'local',
    options: plainMap(parsed.DriverOpts),
    labels: plainMap(parsed.Labels),
    validate: parsed.Validate ?? false,
  }
}
