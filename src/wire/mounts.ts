import { invalid } from '#lib/errors.ts'
import type { MountRequest } from '#model/config.ts'
import type { MountBody } from './container-schema.ts'
import { plainMap } from './schema.ts'

const VOLUME_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/
const PROPAGATIONS = new Set(['', 'private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave'])
/** Words of `-v SOURCE:TARGET:MODE`. */
const MODES = new Set(
  'ro rw z Z nocopy copy private rprivate shared rshared slave rslave consistent cached delegated volume-nocopy U'.split(
    ' ',
  ),
)

/** `[SOURCE:]TARGET[:MODE]` of `Binds`. @throws invalid in Docker's words */
export function checkBind(spec: string): void {
  const parts = spec.split(':')
  if (spec === '' || parts.length > 3 || parts.some(part => part === ''))
    throw invalid(`invalid volume specification: '${spec}'`)
  const [source, target, mode] = parts.length === 1 ? [undefined, parts[0]!] : [parts[0]!, parts[1]!, parts[2]]
  if (!target.startsWith('/')) {
    throw invalid(
      `invalid volume specification: '${spec}': invalid mount path: '${target}' mount path must be absolute`,
    )
  }
  checkDestination(target, spec)
  if (source !== undefined && !source.startsWith('/')) checkVolumeName(source)
  for (const word of mode?.split(',') ?? []) {
    // Berth's own: `idmap`, `idmap=…`, `require-mountpoint`.
    if (!MODES.has(word) && !/^idmap(=|$)|^require-mountpoint$/.test(word))
      throw invalid(`invalid volume specification: '${spec}': invalid mode: ${mode}`)
  }
}

/** @throws invalid in Docker's words */
export function checkVolumeName(name: string): void {
  if (VOLUME_NAME.test(name)) return
  throw invalid(
    name.length === 1
      ? `volume name is too short, names should be at least two alphanumeric characters`
      : `${JSON.stringify(name)} includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
  )
}

/** `CONTAINER[:MODE]` of `VolumesFrom`. @throws invalid */
export function checkVolumesFrom(spec: string): void {
  const [name = '', mode, ...rest] = spec.split(':')
  if (name === '' || rest.length > 0) throw invalid(`invalid volumes-from specification: '${spec}'`)
  if (mode !== undefined && !mode.split(',').every(word => MODES.has(word)))
    throw invalid(`invalid mode for volumes-from: ${mode}`)
}

/** @throws invalid in Docker's words */
export function mountRequest(body: MountBody): MountRequest {
  const type = body.Type ?? ''
  if (type !== 'bind' && type !== 'volume' && type !== 'tmpfs' && type !== 'image')
    throw invalid(`mount type unknown: ${JSON.stringify(type)}`)
  const bad = (why: string) => invalid(`invalid mount config for type "${type}": ${why}`)
  const target = body.Target ?? ''
  if (target === '') throw bad('field Target must not be empty')
  if (!target.startsWith('/')) throw bad(`invalid mount path: '${target}' mount path must be absolute`)
  checkDestination(target, target)
  const mount: MountRequest = { Type: type, Target: target }
  const source = body.Source ?? ''
  if (source !== '') mount.Source = source
  if (body.ReadOnly) mount.ReadOnly = true
  if (body.Consistency) mount.Consistency = body.Consistency
  if (type !== 'bind' && body.BindOptions) throw bad('field BindOptions must not be specified')
  if (type !== 'volume' && body.VolumeOptions) throw bad('field VolumeOptions must not be specified')
  if (type !== 'tmpfs' && body.TmpfsOptions) throw bad('field TmpfsOptions must not be specified')
  if (type === 'bind' || type === 'image') {
    if (source === '') throw bad('field Source must not be empty')
    if (type === 'bind' && !source.startsWith('/'))
      throw bad(`invalid mount path: '${source}' mount path must be absolute`)
  }
  if (type === 'tmpfs' && source !== '') throw bad('field Source must not be specified')
  if (type === 'volume' && source !== '') checkVolumeName(source)
  if (type === 'volume' && source === '' && body.VolumeOptions?.Subpath)
    throw bad('must not set Subpath when using anonymous volumes')
  return { ...mount, ...options(body, bad) }
}

function options(body: MountBody, bad: (why: string) => Error): Partial<MountRequest> {
  const { BindOptions: bind, VolumeOptions: volume, TmpfsOptions: tmpfs, ImageOptions: image } = body
  if (bind) {
    if (!PROPAGATIONS.has(bind.Propagation ?? '')) throw bad(`invalid propagation mode: ${bind.Propagation}`)
    return { BindOptions: present(bind) }
  }
  if (volume) {
    const { Labels, DriverConfig, ...rest } = volume
    checkSubpath(volume.Subpath, bad)
    return {
      VolumeOptions: {
        ...present(rest),
        ...(Labels && { Labels: plainMap(Labels) }),
        ...(DriverConfig && {
          DriverConfig: { Name: DriverConfig.Name ?? '', Options: plainMap(DriverConfig.Options) },
        }),
      },
    }
  }
  if (tmpfs) {
    if ((tmpfs.SizeBytes ?? 0) < 0) throw bad('tmpfs size must not be negative')
    if ((tmpfs.Mode ?? 0) < 0 || (tmpfs.Mode ?? 0) > 0o7777) throw bad('tmpfs mode must be 0 to 07777')
    return { TmpfsOptions: present(tmpfs) }
  }
  checkSubpath(image?.Subpath, bad)
  return image ? { ImageOptions: present(image) } : {}
}

function checkSubpath(path: string | null | undefined, bad: (why: string) => Error): void {
  if (path && (path.startsWith('/') || path.split('/').includes('..')))
    throw bad('subpath must be a relative path within the volume')
}

function checkDestination(target: string, spec: string): void {
  const depth = target
    .split('/')
    .reduce((at, part) => (part === '' || part === '.' ? at : part === '..' ? Math.max(0, at - 1) : at + 1), 0)
  if (depth === 0)
    throw invalid(`invalid volume specification: '${spec}': invalid mount config: destination can't be '/'`)
}

/** Without null and absent members. */
function present<T extends object>(value: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item != null)) as {
    [K in keyof T]?: NonNullable<T[K]>
  }
}
