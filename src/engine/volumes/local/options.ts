import { invalid } from '#lib/errors.ts'
import { parseBytes } from './bytes.ts'

/** Options of the `local` driver, understood. */
export interface LocalOptions {
  /** What is mounted on the volume's directory; undefined for data that Berth keeps itself. */
  device: Device | undefined
  owner: { uid: number; gid: number } | undefined
  mode: number | undefined
  /** More than a directory: a limit, compression. */
  store: StoreOptions | undefined
}

export interface Device {
  type: string
  device: string
  options: string[]
}

export interface StoreOptions {
  /** Bytes; undefined is as much as the disk has. */
  size: number | undefined
  compress: { algorithm: 'zstd' | 'lzo' | 'zlib'; level: number | undefined } | undefined
  preallocate: boolean
}

const KNOWN = new Set(['type', 'device', 'o', 'size', 'uid', 'gid', 'mode', 'compress', 'preallocate'])
/** Highest levels of btrfs(5). */
const LEVELS: Readonly<Record<string, number>> = { zstd: 15, zlib: 9, lzo: 0 }
/** Below, ext4 has no journal, and btrfs hardly room for data. */
const LEAST = { ext4: 4 << 20, btrfs: 32 << 20 }

/** @throws invalid naming the option */
export function parseOptions(options: Readonly<Record<string, string>>): LocalOptions {
  for (const option of Object.keys(options)) {
    if (!KNOWN.has(option)) throw invalid(`invalid option: "${option}"`)
  }
  const uid = number(options, 'uid', 10)
  const gid = number(options, 'gid', 10)
  const device = deviceOf(options)
  const parsed: LocalOptions = {
    device,
    owner: uid === undefined && gid === undefined ? undefined : { uid: uid ?? 0, gid: gid ?? uid ?? 0 },
    mode: number(options, 'mode', 8),
    store: storeOf(options),
  }
  if (!device) return parsed
  for (const option of ['size', 'compress', 'preallocate'] as const) {
    if (options[option] === undefined || (option === 'size' && device.type === 'tmpfs')) continue
    throw invalid(
      `invalid option: ${option} is for volumes that Berth keeps itself, not for type=${device.type}: give the file system's own options with o=`,
    )
  }
  return withinDevice(device, parsed)
}

function deviceOf(options: Readonly<Record<string, string>>): Device | undefined {
  const { type, device } = options
  // As Docker: each of the two needs the other, and `o` needs both.
  if ((device !== undefined || options.o !== undefined) && type === undefined)
    throw invalid('missing required option: "type"')
  if ((type !== undefined || options.o !== undefined) && device === undefined)
    throw invalid('missing required option: "device"')
  if (type === undefined || device === undefined) return undefined
  return { type, device, options: words(options.o ?? '') }
}

/** A doubled comma stands for one inside a value, as mount.cifs(8) has it; others part. */
function words(list: string): string[] {
  return list
    .replaceAll(/([^,=]=[^,]*),,(?=[^,])/g, '$1\0')
    .split(',')
    .filter(word => word !== '')
    .map(word => word.replaceAll('\0', ',,'))
}

function storeOf(options: Readonly<Record<string, string>>): StoreOptions | undefined {
  if (options.preallocate !== undefined && !['true', 'false', ''].includes(options.preallocate))
    throw invalid(`invalid option: preallocate=${options.preallocate} is neither true nor false`)
  const preallocate = options.preallocate === 'true' || options.preallocate === ''
  if (preallocate && options.size === undefined) throw invalid('invalid option: preallocate needs size=')
  if (options.size === undefined && options.compress === undefined) return undefined
  const size = options.size === undefined ? undefined : parseBytes('size', options.size)
  const compress = options.compress === undefined ? undefined : compressionOf(options.compress)
  const least = compress ? LEAST.btrfs : LEAST.ext4
  if (size !== undefined && size < least && options.type === undefined) {
    const what = compress ? 'a volume that compresses' : 'a volume with a limit'
    throw invalid(`invalid option: size=${options.size} is too small: ${what} has at least ${least >> 20}M`)
  }
  return { size, compress, preallocate }
}

function compressionOf(text: string): StoreOptions['compress'] {
  const [algorithm = '', level] = text.split(':')
  const highest = LEVELS[algorithm]
  const number = level === undefined ? undefined : Number(level)
  const right =
    highest !== undefined && (number === undefined || (/^\d+$/.test(level!) && number >= 1 && number <= highest))
  if (!right)
    throw invalid(`invalid option: compress=${text} is none of zstd, zstd:1 to zstd:15, zlib, zlib:1 to zlib:9, lzo`)
  return { algorithm: algorithm as 'zstd' | 'lzo' | 'zlib', level: number }
}

/** Size, owner and mode as the mounted file system's own options, where it has any. */
function withinDevice(device: Device, parsed: LocalOptions): LocalOptions {
  const { owner, mode, store } = parsed
  const octal = mode?.toString(8).padStart(4, '0')
  const add: string[] = []
  if (device.type === 'tmpfs') {
    if (store?.size !== undefined) add.push(`size=${store.size}`)
    if (owner) add.push(`uid=${owner.uid}`, `gid=${owner.gid}`)
    if (octal !== undefined) add.push(`mode=${octal}`)
  } else if (device.type === 'cifs' || device.type === 'smb3') {
    if (owner) add.push(`uid=${owner.uid}`, `gid=${owner.gid}`)
    if (octal !== undefined) add.push(`file_mode=${octal}`, `dir_mode=${octal}`)
  } else {
    if (isForeign(device) && (owner || mode !== undefined)) {
      const words = 'its owner and mode are kept where the files are: change them there'
      throw invalid(`invalid option: uid, gid and mode cannot be given for ${device.device}: ${words}`)
    }
    return { ...parsed, store: undefined }
  }
  // The root of these has its owner by its options, and so have all files.
  return {
    device: { ...device, options: [...device.options, ...add] },
    owner: undefined,
    mode: undefined,
    store: undefined,
  }
}

/** A server's or somebody's directory: not Berth's to change, and it may cease to answer. */
export function isForeign({ type, options }: Device): boolean {
  return (
    isNetwork(type) ||
    type === 'overlay' ||
    type.startsWith('fuse') ||
    options.some(word => word === 'bind' || word === 'rbind')
  )
}

export function isNetwork(type: string): boolean {
  return ['nfs', 'nfs4', 'cifs', 'smb3'].includes(type)
}

function number(options: Readonly<Record<string, string>>, key: string, base: 8 | 10): number | undefined {
  const text = options[key]
  if (text === undefined) return undefined
  const digits = base === 8 ? /^[0-7]{3,4}$|^0[0-7]{3,4}$/ : /^\d{1,10}$/
  const value = Number.parseInt(text, base)
  if (!digits.test(text) || value > 0xffff_fffe)
    throw invalid(`invalid option: ${key}=${text} is no ${base === 8 ? 'mode such as 0755' : 'numeric id'}`)
  return value
}
