import * as libc from '../ffi/libc.ts'

/** What mount(8)'s `-o` list says, split as mount(2) wants it. */
export interface MountOptions {
  /** MS_* bits. */
  flags: number
  /** Options of the file system itself. */
  data: string[]
  bind: 'no' | 'plain' | 'recursive'
  propagation: { flag: number; recursive: boolean } | undefined
}

const MS_SYNCHRONOUS = 16
const MS_MANDLOCK = 64
const MS_DIRSYNC = 128
const MS_NOATIME = 1024
const MS_NODIRATIME = 2048
const MS_RELATIME = 1 << 21
const MS_STRICTATIME = 1 << 24
const MS_LAZYTIME = 1 << 25
const MS_I_VERSION = 1 << 23
const MS_SILENT = 1 << 15
const MS_NOSYMFOLLOW = 256
const MS_UNBINDABLE = 1 << 17

const SET: Readonly<Record<string, number>> = {
  ro: libc.MS_RDONLY,
  nosuid: libc.MS_NOSUID,
  nodev: libc.MS_NODEV,
  noexec: libc.MS_NOEXEC,
  nosymfollow: MS_NOSYMFOLLOW,
  sync: MS_SYNCHRONOUS,
  dirsync: MS_DIRSYNC,
  mand: MS_MANDLOCK,
  noatime: MS_NOATIME,
  nodiratime: MS_NODIRATIME,
  relatime: MS_RELATIME,
  strictatime: MS_STRICTATIME,
  lazytime: MS_LAZYTIME,
  silent: MS_SILENT,
  iversion: MS_I_VERSION,
  remount: libc.MS_REMOUNT,
}

const CLEAR: Readonly<Record<string, number>> = {
  rw: libc.MS_RDONLY,
  suid: libc.MS_NOSUID,
  dev: libc.MS_NODEV,
  exec: libc.MS_NOEXEC,
  async: MS_SYNCHRONOUS,
  nomand: MS_MANDLOCK,
  atime: MS_NOATIME,
  diratime: MS_NODIRATIME,
  norelatime: MS_RELATIME,
  nostrictatime: MS_STRICTATIME,
  nolazytime: MS_LAZYTIME,
  loud: MS_SILENT,
  noiversion: MS_I_VERSION,
  symfollow: MS_NOSYMFOLLOW,
}

const PROPAGATION: Readonly<Record<string, number>> = {
  private: libc.MS_PRIVATE,
  slave: libc.MS_SLAVE,
  shared: libc.MS_SHARED,
  unbindable: MS_UNBINDABLE,
}

/** Words that only concern mount(8) and fstab(5). */
const IGNORED = new Set([
  'defaults',
  'auto',
  'noauto',
  'user',
  'nouser',
  '_netdev',
  'nofail',
  'owner',
  'group',
  'users',
  'nousers',
])

export function parseMountOptions(options: readonly string[]): MountOptions {
  const parsed: MountOptions = { flags: 0, data: [], bind: 'no', propagation: undefined }
  for (const option of options.flatMap(wordsOf)) {
    const propagation = parsePropagation(option)
    if (option === '' || IGNORED.has(option) || /^[xX]-|^comment=/.test(option)) continue
    else if (option === 'bind') parsed.bind = 'plain'
    else if (option === 'rbind') parsed.bind = 'recursive'
    else if (propagation) parsed.propagation = propagation
    else if (Object.hasOwn(SET, option)) parsed.flags |= SET[option]!
    else if (Object.hasOwn(CLEAR, option)) parsed.flags &= ~CLEAR[option]!
    else parsed.data.push(option)
  }
  return parsed
}

/** A value may have commas: of a password, or doubled by who wrote it for the kernel. */
function wordsOf(list: string): string[] {
  return /^pass(word)?2?=|,,/.test(list) ? [list] : list.split(',').map(word => word.trim())
}

/** Of the ST_* bits of statfs(2), those that forbid something. */
export function restrictionsOf(flags: number): string[] {
  return Object.entries(RESTRICTIONS)
    .filter(([, bit]) => (flags & bit) !== 0)
    .map(([word]) => word)
}

const RESTRICTIONS = { ro: 1, nosuid: 2, nodev: 4, noexec: 8 }

/** `rslave` and its kin. */
export function parsePropagation(word: string): { flag: number; recursive: boolean } | undefined {
  if (Object.hasOwn(PROPAGATION, word)) return { flag: PROPAGATION[word]!, recursive: false }
  const rest = word.slice(1)
  if (word.startsWith('r') && Object.hasOwn(PROPAGATION, rest)) return { flag: PROPAGATION[rest]!, recursive: true }
  return undefined
}
