import { homedir } from 'node:os'
import { resolve } from 'node:path'
import type { ServiceVolume } from '../project.ts'
import { boolean, bytes, fileMode, isMap, object, oneOf, string, wrong, type Field } from './fields.ts'

const long = object<ServiceVolume & { consistency: string }>({
  type: oneOf('volume', 'bind', 'tmpfs', 'image', 'npipe', 'cluster'),
  source: string,
  target: string,
  read_only: boolean,
  consistency: string,
  bind: object({ propagation: string, create_host_path: boolean, selinux: string, recursive: string }),
  volume: object({ nocopy: boolean, subpath: string }),
  tmpfs: object({ size: bytes, mode: fileMode }),
  image: object({ subpath: string }),
})

/** A mount in its short form (`[SOURCE:]TARGET[:OPTIONS]`) or its long one; relative host paths made absolute. */
export const serviceVolumes =
  (workingDir: string): Field<ServiceVolume[]> =>
  (value, path) => {
    if (value === null) return []
    if (!Array.isArray(value)) throw wrong(path, 'must be a list')
    return value.map((item: unknown, index) => {
      const at = [...path, index]
      const volume = isMap(item) ? long(item, at) : shortVolume(string(item, at), workingDir, at)
      if (!volume.type) throw wrong(at, 'needs a type')
      if (!volume.target) throw wrong(at, 'needs a target')
      if (!volume.target.startsWith('/')) throw wrong(at, `has target ${volume.target}, which is not an absolute path`)
      if (volume.type === 'bind') {
        if (!volume.source) throw wrong(at, 'is a bind mount and needs a source')
        volume.source = hostPath(volume.source, workingDir)
      }
      return { ...volume, type: volume.type, target: volume.target }
    })
  }

export function hostPath(path: string, workingDir: string): string {
  if (path === '~' || path.startsWith('~/')) return resolve(homedir(), path.slice(2))
  return resolve(workingDir, path)
}

const isPath = (source: string) => /^(\.{1,2}(\/|$)|\/|~)/.test(source)

function shortVolume(text: string, workingDir: string, path: readonly (string | number)[]): Partial<ServiceVolume> {
  const parts = text.split(':')
  if (parts.length === 1) return { type: 'volume', target: text }
  if (parts.length > 3 || parts.some(part => part === '')) {
    throw wrong(path, `has an invalid volume ${JSON.stringify(text)}: use [SOURCE:]TARGET[:OPTIONS]`)
  }
  const [source, target, options = ''] = parts as [string, string, string | undefined]
  const volume: Partial<ServiceVolume> = isPath(source)
    ? { type: 'bind', source: hostPath(source, workingDir), target, bind: { create_host_path: true } }
    : { type: 'volume', source, target }
  for (const option of options.split(',').filter(Boolean)) {
    if (option === 'ro') volume.read_only = true
    else if (option === 'nocopy') volume.volume = { ...volume.volume, nocopy: true }
    else if (option === 'z' || option === 'Z') volume.bind = { ...volume.bind, selinux: option }
    else if (/^r?(shared|slave|private)$/.test(option)) volume.bind = { ...volume.bind, propagation: option }
    else if (!['rw', 'consistent', 'cached', 'delegated'].includes(option)) {
      throw wrong(path, `has an unknown volume option ${JSON.stringify(option)}`)
    }
  }
  return volume
}
