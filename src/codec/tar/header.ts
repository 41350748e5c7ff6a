import { invalid } from '#lib/errors.ts'
import { BLOCK } from './entry.ts'
import type { ByteString, TarEntry, TarType } from './entry.ts'

/** What a header block says by itself, before pax records and GNU long names are applied. */
export interface RawHeader {
  name: ByteString
  typeFlag: string
  mode: number
  uid: number
  gid: number
  size: number
  mtime: number
  linkName: ByteString
  major: number
  minor: number
}

/** @throws invalid when the checksum is wrong; @returns undefined for a block of zeros (end of the archive) */
export function decodeHeader(block: Buffer): RawHeader | undefined {
  const sum = checksum(block)
  if (sum === 8 * 0x20) return undefined
  if (sum !== Number.parseInt(text(block, 148, 8).trim(), 8))
    throw invalid('tar header has a wrong checksum: the archive is damaged or no tar')
  const magic = block.toString('latin1', 257, 265)
  const ustar = magic.startsWith('ustar\0')
  const prefix = ustar ? text(block, 345, 155) : ''
  const name = text(block, 0, 100)
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    typeFlag: block.toString('latin1', 156, 157),
    mode: number(block, 100, 8) & 0o7777,
    uid: number(block, 108, 8),
    gid: number(block, 116, 8),
    size: number(block, 124, 12),
    mtime: number(block, 136, 12),
    linkName: text(block, 157, 100),
    major: magic.startsWith('ustar') ? number(block, 329, 8) : 0,
    minor: magic.startsWith('ustar') ? number(block, 337, 8) : 0,
  }
}

const FLAGS: Record<TarType, string> = {
  file: '0',
  link: '1',
  symlink: '2',
  char: '3',
  block: '4',
  directory: '5',
  fifo: '6',
}

/** What a ustar block says; an entry is one. */
export type HeaderFields = Pick<
  TarEntry,
  'name' | 'type' | 'mode' | 'uid' | 'gid' | 'size' | 'mtime' | 'linkName' | 'major' | 'minor'
>

/**
 * Writes a ustar block. Fields that do not fit are cut: the caller has written pax records for them.
 *
 * @param target from `at` on 512 bytes, whatever they are
 */
export function writeHeader(target: Buffer, at: number, entry: HeaderFields, typeFlag = FLAGS[entry.type]): void {
  target.fill(0, at, at + BLOCK)
  target.write(entry.name, at, Math.min(100, entry.name.length), 'latin1')
  octal(target, at + 100, 8, entry.mode)
  octal(target, at + 108, 8, entry.uid)
  octal(target, at + 116, 8, entry.gid)
  octal(target, at + 124, 12, entry.size)
  octal(target, at + 136, 12, Math.max(0, entry.mtime.seconds))
  target.fill(0x20, at + 148, at + 156)
  target[at + 156] = typeFlag.charCodeAt(0)
  if (entry.linkName !== '') target.write(entry.linkName, at + 157, Math.min(100, entry.linkName.length), 'latin1')
  target.write('ustar\x0000', at + 257, 'latin1')
  octal(target, at + 329, 8, entry.major)
  octal(target, at + 337, 8, entry.minor)
  let sum = 0
  for (let i = at; i < at + 345; i++) sum += target[i]!
  octal(target, at + 148, 7, sum)
  target[at + 155] = 0x20
}

/** Largest value of an octal field of `length` bytes. */
export function octalMax(length: 8 | 12): number {
  return length === 8 ? 0o7777777 : 0o77777777777
}

/** Digits, then a zero; 0 for what does not fit. */
function octal(target: Buffer, at: number, length: number, value: number): void {
  let rest = value < 8 ** (length - 1) ? value : 0
  for (let i = length - 2; i >= 0; i--) {
    target[at + i] = 0x30 + (rest % 8)
    rest = Math.floor(rest / 8)
  }
  target[at + length - 1] = 0
}

/** The checksum field itself counts as spaces. */
function checksum(block: Buffer): number {
  let sum = 8 * 0x20
  for (let i = 0; i < 148; i++) sum += block[i]!
  for (let i = 156; i < BLOCK; i++) sum += block[i]!
  return sum
}

function text(block: Buffer, at: number, length: number): ByteString {
  const end = block.indexOf(0, at)
  return block.toString('latin1', at, end >= 0 && end < at + length ? end : at + length)
}

/** Octal with blanks or NULs around it, or GNU's base 256 (first bit set). */
function number(block: Buffer, at: number, length: number): number {
  const first = block[at]!
  if ((first & 0x80) === 0) {
    const digits = text(block, at, length).trim()
    if (digits === '') return 0
    const value = Number.parseInt(digits, 8)
    if (Number.isNaN(value)) throw invalid(`tar header has a field that is no octal number: ${JSON.stringify(digits)}`)
    return value
  }
  let value = first & 0x40 ? -1n : 0n
  value = (value << 6n) | BigInt(first & 0x3f)
  for (let i = 1; i < length; i++) value = (value << 8n) | BigInt(block[at + i]!)
  if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < BigInt(Number.MIN_SAFE_INTEGER))
    throw invalid('tar header has a number that is too large')
  return Number(value)
}
