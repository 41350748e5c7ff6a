import fs from 'node:fs'
import { BerthError, system } from '#lib/errors.ts'
import { checked, hasErrno } from '../ffi/errno.ts'
import * as at from '../ffi/fs.ts'
import * as libc from '../ffi/libc.ts'
import { closeQuietly } from '../ffi/mount-api.ts'
import * as io from './ioctl.ts'

/** Loop devices (loop(4)), each of which goes by itself when its last mount and descriptor are gone (autoclear). */
const LO_FLAGS_READ_ONLY = 1
const LO_FLAGS_AUTOCLEAR = 4
const LO_FLAGS_DIRECT_IO = 16
const INFO_SIZE = 232
const CONFIG_SIZE = 304
const NAME_LENGTH = 63
const LOOP_MAJOR = 7

export interface LoopOptions {
  readonly?: boolean
  /** Bytes. */
  offset?: number
  sizeLimit?: number
}

/** A device that is attached as long as `fd` is open, or something has it mounted. */
export interface Loop {
  device: string
  fd: number
}

/**
 * The loop device of a file: the one that it has already, so that two file systems never work on the same bytes, else
 * a new one.
 *
 * @throws system when there is none free, or the kernel is older than 5.8
 */
export function attachLoop(file: string, options: LoopOptions = {}): Loop {
  const flags = options.readonly ? fs.constants.O_RDONLY : fs.constants.O_RDWR
  const backing = libc.open(file, flags)
  try {
    const existing = reuse(file, backing, options)
    if (existing) return existing
    // Others take free devices too: one found taken is tried past.
    for (let tries = 0; ; tries++) {
      const loop = openFree(flags)
      try {
        libc.ioctl(loop.fd, io.LOOP_CONFIGURE, configuration(file, backing, options))
        return loop
      } catch (error) {
        closeQuietly(loop.fd)
        if (hasErrno(error, 'EBUSY') && tries < 100) continue
        const why = hasErrno(error, 'EINVAL', 'ENOTTY') ? 'this needs Linux 5.8' : 'see the kernel log'
        throw system(`attaching ${file} to ${loop.device} failed (${why})`, { cause: error, details: detailsOf(error) })
      }
    }
  } finally {
    closeQuietly(backing)
  }
}

const detailsOf = (error: unknown) => (error instanceof BerthError ? error.details : {})

function openFree(flags: number): Loop {
  let control: number
  try {
    control = libc.open('/dev/loop-control', libc.O_RDWR)
  } catch (cause) {
    const words =
      'this kernel has no loop devices: run `modprobe loop` (a volume with a limit is a file system in a file)'
    throw system(words, { cause, details: detailsOf(cause) })
  }
  try {
    const number = getFree(control)
    const device = `/dev/loop${number}`
    // Where nobody keeps /dev, as in a container, the node is missing.
    if (!fs.existsSync(device)) makeNode(number)
    return { device, fd: libc.open(device, flags) }
  } finally {
    closeQuietly(control)
  }
}

const ioctlPlain = libc.native('int ioctl(int fd, ulong request, long argument)')

function getFree(control: number): number {
  return checked(ioctlPlain()(control, io.LOOP_CTL_GET_FREE, 0), 'find a free loop device')
}

function makeNode(number: number): void {
  try {
    at.mknodat(at.AT_FDCWD, `/dev/loop${number}`, at.S_IFBLK | 0o660, LOOP_MAJOR, number)
  } catch (error) {
    if (!hasErrno(error, 'EEXIST')) throw error
  }
}

/** `struct loop_config`: descriptor, block size (0: as the disk below has it), `struct loop_info64`. */
function configuration(file: string, backing: number, options: LoopOptions): Buffer {
  const config = Buffer.alloc(CONFIG_SIZE)
  config.writeUInt32LE(backing, 0)
  config.writeBigUInt64LE(BigInt(options.offset ?? 0), 8 + 24)
  config.writeBigUInt64LE(BigInt(options.sizeLimit ?? 0), 8 + 32)
  const flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO | (options.readonly ? LO_FLAGS_READ_ONLY : 0)
  config.writeUInt32LE(flags, 8 + 52)
  config.write(file.slice(-NAME_LENGTH), 8 + 56, NAME_LENGTH, 'utf8')
  return config
}

function reuse(file: string, backing: number, options: LoopOptions): Loop | undefined {
  const real = fs.realpathSync(file)
  for (const { device, file: has } of listLoops()) {
    if (has !== real) continue
    let fd: number | undefined
    try {
      fd = libc.open(device, options.readonly ? fs.constants.O_RDONLY : fs.constants.O_RDWR)
      const info = Buffer.alloc(INFO_SIZE)
      libc.ioctl(fd, io.LOOP_GET_STATUS64, info)
      const same =
        info.readBigUInt64LE(8) === BigInt(fs.fstatSync(backing, { bigint: true }).ino) &&
        info.readBigUInt64LE(24) === BigInt(options.offset ?? 0) &&
        info.readBigUInt64LE(32) === BigInt(options.sizeLimit ?? 0)
      if (same) return { device, fd }
      closeQuietly(fd)
    } catch (error) {
      // ENXIO: it was detached in this moment.
      closeQuietly(fd)
      if (!hasErrno(error, 'ENXIO', 'ENOENT', 'EACCES', 'EROFS')) throw error
    }
  }
  return undefined
}

/** Every loop device in use. */
export function listLoops(): { device: string; file: string }[] {
  const found: { device: string; file: string }[] = []
  for (const name of fs.readdirSync('/sys/block')) {
    if (!/^loop\d+$/.test(name)) continue
    try {
      const file = fs.readFileSync(`/sys/block/${name}/loop/backing_file`, 'utf8').replace(/\n$/, '')
      found.push({ device: `/dev/${name}`, file })
    } catch {
      // Not in use.
    }
  }
  return found
}

/** A mounted one is detached when its mount goes. Not attached is success. */
export function detachLoop(device: string): void {
  let fd: number | undefined
  try {
    fd = libc.open(device, libc.O_RDONLY)
    checked(ioctlPlain()(fd, io.LOOP_CLR_FD, 0), `detach ${device}`)
  } catch (error) {
    if (!hasErrno(error, 'ENXIO', 'ENOENT')) throw error
  } finally {
    closeQuietly(fd)
  }
}

/** Tells a device that its file has another size. */
export function refreshCapacity(device: string): void {
  const fd = libc.open(device, libc.O_RDWR)
  try {
    checked(ioctlPlain()(fd, io.LOOP_SET_CAPACITY, 0), `tell ${device} its new size`)
  } finally {
    closeQuietly(fd)
  }
}
