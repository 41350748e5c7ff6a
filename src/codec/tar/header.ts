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

/**
 * @param block 512 bytes from `at` on
 * @returns undefined for a block of zeros (end of the archive)
 * @throws invalid when the checksum is wrong
 */
export function decodeHeader(block: Buffer, at = 0): RawHeader | undefined {
  const sum = checksum(block, at)
  if (sum === 8 * 0x20) return undefined
  if (sum !== digits(block, at + 148, 8))
    throw invalid('tar header has a wrong checksum: the archive is damaged or no tar')
  // POSIX's `ustar` and a zero has a prefix; GNU's and a blank only devices.
  const ustar = block[at + 257] === 0x75 && block.toString('latin1', at + 257, at + 262) === 'ustar'
  const prefix = ustar && block[at + 262] === 0 && block[at + 345] !== 0 ? text(block, at + 345, 155) : ''
  const name = text(block, at, 100)
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    typeFlag: FLAG_NAMES[block[at + 156]!]!,
    mode: number(block, at + 100, 8) & 0o7777,
    uid: number(block, at + 108, 8),
    gid: number(block, at + 116, 8),
    size: number(block, at + 124, 12),
    mtime: number(block, at + 136, 12),
    linkName: text(block, at + 157, 100),
    major: ustar ? number(block, at + 329, 8) : 0,
    minor: ustar ? number(block, at + 337, 8) : 0,
  }
}

/** A string for each byte, made once. */
const FLAG_NAMES = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code))

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
  let rest = value
  let i = length - 2
  // Beyond 30 bits, integers are slow.
  for (; rest > 0x3fffffff && i >= 0; i--) {
    target[at + i] = 0x30 + (rest % 8)
    rest = Math.floor(rest / 8)
  }
  for (; i >= 0; i--) {
    target[at + i] = 0x30 + (rest & 7)
    rest >>= 3
  }
  target[at + length - 1] = 0
  if (rest > 0) octal(target, at, length, 0)
}

/** The checksum field itself counts as spaces. */
function checksum(block: Buffer, at: number): number {
  let sum = 8 * 0x20
  for (let i = at; i < at + 148; i++) sum += block[i]!
  for (let i = at + 156; i < at + BLOCK; i++) sum += block[i]!
  return sum
}

function text(block: Buffer, at: number, length: number): ByteString {
  if (block[at] === 0) return ''
  let end = at + 1
  while (end < at + length && block[end] !== 0) end++
  return block.toString('latin1', at, end)
}

/** Octal with blanks or NULs around it, or GNU's base 256 (first bit set). */
function number(block: Buffer, at: number, length: number): number {
  const first = block[at]!
  const value = (first & 0x80) === 0 ? digits(block, at, length) : base256(block, at, length)
  if (value === undefined)
    throw invalid(`tar header has a field that is no octal number: ${JSON.stringify(text(block, at, length))}`)
  return value
}

/** @returns undefined when there are other characters */
function digits(block: Buffer, at: number, length: number): number | undefined {
  let value = 0
  let i = at
  while (i < at + length && block[i] === 0x20) i++
  for (; i < at + length; i++) {
    const digit = block[i]! - 0x30
    if (digit < 0 || digit > 7) break
    value = value * 8 + digit
  }
  for (; i < at + length && block[i] !== 0; i++) {
    if (block[i] !== 0x20) return undefined
  }
  return value
}

function base256(block: Buffer, at: number, length: number): number {
  const first = block[at]!
  let value = first & 0x40 ? -1n : 0n
  value = (value << 6n) | BigInt(first & 0x3f)
  for (let i = 1; i < length; i++) value = (value << 8n) | BigInt(block[at + i]!)
  if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < BigInt(Number.MIN_SAFE_INTEGER))
    throw invalid('tar header has a number that is too large')
  return Number(value)
}
