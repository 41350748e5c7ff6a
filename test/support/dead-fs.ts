import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as libc from '#kernel/ffi/libc.ts'
import { until } from './tools.ts'

/**
 * A FUSE file system with nothing in it, whose server answers until it is told to die on its feet: from then on it
 * takes every question and answers none, which is what a server that hangs does to everybody who asks.
 */
export class DeadFileSystem {
  readonly #server: ChildProcess
  readonly #flag: string

  private constructor(server: ChildProcess, flag: string) {
    this.#server = server
    this.#flag = flag
  }

  static async mount(point: string): Promise<DeadFileSystem> {
    const flag = `${point}.dead`
    const server = spawn(process.execPath, [fileURLToPath(import.meta.url), point, flag], { stdio: 'inherit' })
    await until('the mount', () =>
      readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${point} `) ? true : undefined,
    )
    return new DeadFileSystem(server, flag)
  }

  hang(): void {
    writeFileSync(this.#flag, '')
  }

  /** Its end frees everybody who waits. */
  async end(point: string): Promise<void> {
    const ended = new Promise(resolve => this.#server.once('exit', resolve))
    this.#server.kill('SIGKILL')
    await ended
    libc.umount2(point, libc.MNT_DETACH)
  }
}

const HEADER = 16
const [LOOKUP, GETATTR, STATFS, INIT, OPENDIR, READDIR, RELEASEDIR, FORGET] = [1, 3, 17, 26, 27, 28, 29, 2]
const [ENOENT, ENOSYS] = [2, 38]
const S_IFDIR = 0o40755

/** linux/fuse.h: the answers of an empty directory. @returns undefined where none is wanted */
function answer(opcode: number): Buffer | number | undefined {
  if (opcode === INIT) {
    const out = Buffer.alloc(64)
    out.writeUInt32LE(7, 0)
    out.writeUInt32LE(31, 4)
    out.writeUInt32LE(4096, 20)
    return out
  }
  if (opcode === GETATTR) {
    // Good for no time at all, so that everybody asks.
    const out = Buffer.alloc(104)
    out.writeBigUInt64LE(1n, 16)
    out.writeUInt32LE(S_IFDIR, 16 + 60)
    out.writeUInt32LE(2, 16 + 64)
    return out
  }
  if (opcode === STATFS) return Buffer.alloc(80)
  if (opcode === OPENDIR) return Buffer.alloc(16)
  if (opcode === READDIR || opcode === RELEASEDIR) return Buffer.alloc(0)
  if (opcode === FORGET) return undefined
  return opcode === LOOKUP ? -ENOENT : -ENOSYS
}

function serve(point: string, flag: string): never {
  const fd = libc.open('/dev/fuse', 2)
  libc.mount('dead', point, 'fuse', 0, `fd=${fd},rootmode=40000,user_id=0,group_id=0,allow_other`)
  const request = Buffer.alloc(1 << 18)
  for (;;) {
    libc.read(fd, request)
    if (existsSync(flag)) continue
    const content = answer(request.readUInt32LE(4))
    if (content === undefined) continue
    const data = typeof content === 'number' ? Buffer.alloc(0) : content
    const header = Buffer.alloc(HEADER)
    header.writeUInt32LE(HEADER + data.length, 0)
    header.writeInt32LE(typeof content === 'number' ? content : 0, 4)
    request.copy(header, 8, 8, 16)
    libc.write(fd, Buffer.concat([header, data]))
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) serve(process.argv[2]!, process.argv[3]!)
