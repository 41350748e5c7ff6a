import type { DeviceMapping } from '#wire/index.ts'
import { CliError } from '../../core/command.ts'

/** `/dev/a[:/dev/b][:rwm]` */
export function parseDevice(text: string): DeviceMapping {
  const parts = text.split(':')
  const [source = '', second, third] = parts
  const isMode = (value: string | undefined) => value !== undefined && /^[rwm]{1,3}$/.test(value)
  const wrong = () => new CliError(`bad format for path: ${text}: write /dev/host[:/dev/inside][:rwm]`, 125)
  if (parts.length > 3 || source === '') throw wrong()
  if (parts.length === 2 && isMode(second)) {
    return { PathOnHost: source, PathInContainer: source, CgroupPermissions: second! }
  }
  if (third !== undefined && !isMode(third)) throw new CliError(`invalid device specification: ${text}`, 125)
  return { PathOnHost: source, PathInContainer: second || source, CgroupPermissions: third ?? 'rwm' }
}

/** `vendor.com/class=device` names a device of the Container Device Interface. */
export function isCdiName(text: string): boolean {
  return /^[A-Za-z][\w.-]*\/[A-Za-z][\w-]*=[\w:.-]+$/.test(text)
}

/** `--gpus all`, `2`, `"device=0,1"`, `driver=…,count=…,capabilities=…`. */
export function parseGpus(text: string): Record<string, unknown> {
  const request = { Driver: '', Count: 0, DeviceIDs: null as string[] | null, Capabilities: [['gpu']], Options: {} }
  const count = (value: string) => (value === 'all' ? -1 : Number(value))
  for (const field of text.split(/,(?=[a-z]+=)/)) {
    const at = field.indexOf('=')
    if (at < 0) request.Count = count(field)
    else {
      const [key, value] = [field.slice(0, at), field.slice(at + 1)]
      if (key === 'driver') request.Driver = value
      else if (key === 'count') request.Count = count(value)
      else if (key === 'device') request.DeviceIDs = value.split(',')
      else if (key === 'capabilities') request.Capabilities = [[...value.split(','), 'gpu']]
      else throw new CliError(`unexpected key '${key}' in '${field}'`, 125)
    }
  }
  if (Number.isNaN(request.Count))
    throw new CliError(`invalid count (${text}): value must be either "all" or an integer`, 125)
  return request
}
