import koffi, { type LibraryHandle } from 'koffi'
import { checked, errnoError } from './errno.ts'

/**
 * The C library by FFI. Every function throws a `system` BerthError with `details.errno` (the name) on failure, blocks
 * the calling thread, and costs about 0.3 us beside the system call. Blocking calls have an `...Async` twin, which runs
 * on one of koffi's pool threads: never use those for calls that act on the calling thread (setns, unshare).
 *
 * Variadic functions are declared with fixed arguments: on Linux, x86-64 and arm64 pass integers alike in both forms.
 */
export type Native = ((...args: unknown[]) => number) & {
  async: (...args: [...unknown[], (error: unknown, result: number) => void]) => void
}

const libraries = new Map<string | null, LibraryHandle>()

/**
 * A C function, looked up at its first call (so that importing costs nothing).
 *
 * @param library soname; without it the C library that Node itself is linked to
 */
export function native(definition: string, library: string | null = null): () => Native {
  let bound: Native | undefined
  return () => {
    if (bound) return bound
    let handle = libraries.get(library)
    if (!handle) {
      // Calls on pool threads run on a stack of koffi's own, by default 128 KiB: too small for libnftables.
      if (libraries.size === 0) koffi.config({ async_stack_size: 1 << 20, async_heap_size: 64 << 10 })
      libraries.set(library, (handle = koffi.load(library)))
    }
    bound = handle.func(definition) as Native
    return bound
  }
}

const c = {
  open: native('int open(const char *path, int flags, uint mode)'),
  close: native('int close(int fd)'),
  read: native('long read(int fd, _Out_ uint8_t *buffer, size_t length)'),
  write: native('long write(int fd, const uint8_t *buffer, size_t length)'),
  socket: native('int socket(int domain, int type, int protocol)'),
  bind: native('int bind(int fd, const uint8_t *address, uint length)'),
  connect: native('int connect(int fd, const uint8_t *address, uint length)'),
  getsockname: native('int getsockname(int fd, _Out_ uint8_t *address, _Inout_ uint *length)'),
  setsockopt: native('int setsockopt(int fd, int level, int name, const uint8_t *value, uint length)'),
  send: native('long send(int fd, const uint8_t *buffer, size_t length, int flags)'),
  recv: native('long recv(int fd, _Out_ uint8_t *buffer, size_t length, int flags)'),
  setns: native('int setns(int fd, int kind)'),
  unshare: native('int unshare(int flags)'),
  mount: native('int mount(const char *source, const char *target, const char *type, ulong flags, const char *data)'),
  umount2: native('int umount2(const char *target, int flags)'),
  kill: native('int kill(int pid, int signal)'),
  statfs: native('int statfs(const char *path, _Out_ uint8_t *buffer)'),
  fcntl: native('int fcntl(int fd, int command, long argument)'),
  ioctl: native('int ioctl(int fd, ulong request, _Inout_ uint8_t *argument)'),
  syscall: native('long syscall(long number, long a, long b, long c, long d, long e, long f)'),
}

/** open(2) flags, equal on x86-64 and arm64 (O_DIRECTORY and its kin are not: take them from node:fs constants). */
export const O_RDONLY = 0
export const O_RDWR = 2
export const O_CLOEXEC = 0o2000000

export function open(path: string, flags: number, mode = 0): number {
  return checked(c.open()(path, flags | O_CLOEXEC, mode), `open ${path}`)
}

export function close(fd: number): void {
  checked(c.close()(fd), `close fd ${fd}`)
}

/** For sockets whose release waits for an RCU grace period (packet sockets, some of netfilter's): 15-40 ms. */
export function closeAsync(fd: number): Promise<number> {
  return promised(c.close(), `close fd ${fd}`, fd)
}

/** @returns bytes read, 0 at the end of the file */
export function read(fd: number, buffer: Uint8Array): number {
  return checked(c.read()(fd, buffer, buffer.length), `read fd ${fd}`)
}

export function write(fd: number, buffer: Uint8Array): number {
  return checked(c.write()(fd, buffer, buffer.length), `write fd ${fd}`)
}

export const AF_UNIX = 1
export const AF_INET = 2
export const AF_INET6 = 10
export const AF_NETLINK = 16
export const AF_PACKET = 17
export const SOCK_STREAM = 1
export const SOCK_DGRAM = 2
export const SOCK_RAW = 3
export const SOCK_SEQPACKET = 5
export const SOCK_NONBLOCK = 0o4000
export const SOCK_CLOEXEC = 0o2000000
export const SOL_SOCKET = 1
export const MSG_DONTWAIT = 0x40

/** A socket with close-on-exec. */
export function socket(domain: number, type: number, protocol = 0): number {
  return checked(c.socket()(domain, type | SOCK_CLOEXEC, protocol), 'open a socket')
}

/** @param address a `struct sockaddr` */
export function bind(fd: number, address: Uint8Array): void {
  checked(c.bind()(fd, address, address.length), 'bind a socket')
}

/** @param address a `struct sockaddr` */
export function connect(fd: number, address: Uint8Array): void {
  checked(c.connect()(fd, address, address.length), 'connect a socket')
}

/** @returns the `struct sockaddr` that the socket is bound to */
export function getsockname(fd: number): Buffer {
  const address = Buffer.alloc(128)
  const length = [address.length]
  checked(c.getsockname()(fd, address, length), 'read a socket address')
  return address.subarray(0, length[0])
}

export function setsockopt(fd: number, level: number, name: number, value: number | Uint8Array): void {
  const bytes = typeof value === 'number' ? new Uint8Array(Int32Array.of(value).buffer) : value
  checked(c.setsockopt()(fd, level, name, bytes, bytes.length), `set socket option ${level}/${name}`)
}

export function send(fd: number, buffer: Uint8Array, flags = 0): number {
  return checked(c.send()(fd, buffer, buffer.length, flags), `send on fd ${fd}`)
}

/** @returns bytes received */
export function recv(fd: number, buffer: Uint8Array, flags = 0): number {
  return checked(c.recv()(fd, buffer, buffer.length, flags), `receive on fd ${fd}`)
}

export function sendAsync(fd: number, buffer: Uint8Array, flags = 0): Promise<number> {
  return promised(c.send(), `send on fd ${fd}`, fd, buffer, buffer.length, flags)
}

export function recvAsync(fd: number, buffer: Uint8Array, flags = 0): Promise<number> {
  return promised(c.recv(), `receive on fd ${fd}`, fd, buffer, buffer.length, flags)
}

export const CLONE_NEWNS = 0x00020000
export const CLONE_NEWNET = 0x40000000

/** Acts on the calling thread: see `inNamespace` in `kernel/sandboxes/enter.ts` for the network's. */
export function setns(fd: number, kind: number): void {
  checked(c.setns()(fd, kind), 'enter a namespace')
}

/** Acts on the calling thread. */
export function unshare(flags: number): void {
  checked(c.unshare()(flags), 'unshare a namespace')
}

export const MS_RDONLY = 1
export const MS_NOSUID = 2
export const MS_NODEV = 4
export const MS_NOEXEC = 8
export const MS_REMOUNT = 32
export const MS_BIND = 4096
export const MS_REC = 16384
export const MS_PRIVATE = 1 << 18
export const MS_SLAVE = 1 << 19
export const MS_SHARED = 1 << 20

export function mount(source: string | null, target: string, type: string | null, flags: number, data?: string): void {
  checked(c.mount()(source, target, type, flags, data ?? null), `mount ${type ?? source ?? ''} at ${target}`)
}

export const MNT_DETACH = 2
export const UMOUNT_NOFOLLOW = 8

export function umount2(target: string, flags = 0): void {
  checked(c.umount2()(target, flags), `unmount ${target}`)
}

export function umount2Async(target: string, flags = 0): Promise<number> {
  return promised(c.umount2(), `unmount ${target}`, target, flags)
}

/** kill(2); unlike process.kill it takes any number and a pid of 0 or below means what it means in C. */
export function kill(pid: number, signal: number): void {
  checked(c.kill()(pid, signal), `signal process ${pid}`)
}

/** statfs(2), sizes in bytes. */
export function statfs(path: string): { type: number; blockSize: number; total: number; free: number; avail: number } {
  const b = Buffer.alloc(256)
  checked(c.statfs()(path, b), `read the file system of ${path}`)
  const field = (at: number) => Number(b.readBigUInt64LE(at))
  const blockSize = field(8)
  const bytes = (at: number) => field(at) * blockSize
  return { type: field(0), blockSize, total: bytes(16), free: bytes(24), avail: bytes(32) }
}

/** The ST_* bits of the mount that a path is on (statfs(2)); on a pool thread. */
export async function mountFlags(path: string): Promise<number> {
  const b = Buffer.alloc(256)
  await promised(c.statfs(), `read the mount of ${path}`, path, b)
  return Number(b.readBigUInt64LE(80))
}

export function fcntl(fd: number, command: number, argument = 0): number {
  return checked(c.fcntl()(fd, command, argument), `fcntl on fd ${fd}`)
}

export function ioctl(fd: number, request: number, argument: Uint8Array): number {
  return checked(c.ioctl()(fd, request, argument), `ioctl on fd ${fd}`)
}

/** Numbers that are the same on every architecture (all calls newer than 2018). */
export const SYS_PIDFD_SEND_SIGNAL = 424
export const SYS_PIDFD_OPEN = 434

/** syscall(2) with integers only; calls that take pointers get a declaration of their own through `native`. */
export function syscall(number: number, ...args: (number | bigint)[]): number {
  const [a = 0, b = 0, x = 0, y = 0, z = 0, w = 0] = args
  return checked(Number(c.syscall()(number, a, b, x, y, z, w)), `system call ${number}`)
}

/** @returns a pidfd: readable once the process is dead */
export function pidfdOpen(pid: number): number {
  return syscall(SYS_PIDFD_OPEN, pid, 0)
}

/** No error race with reuse of the pid, unlike kill. */
export function pidfdSendSignal(pidfd: number, signal: number): void {
  syscall(SYS_PIDFD_SEND_SIGNAL, pidfd, signal, 0, 0)
}

/** koffi refuses more calls at once than it has places for, and has only a few threads anyway. */
const AT_ONCE = 64

const pool = { running: 0, waiting: [] as (() => void)[] }

/** Runs a native call on a pool thread (koffi keeps errno for its callback). */
export async function promised(call: Native, operation: string, ...args: unknown[]): Promise<number> {
  if (pool.running < AT_ONCE) pool.running++
  else await new Promise<void>(resolve => pool.waiting.push(resolve))
  try {
    return await called(call, operation, args)
  } finally {
    const next = pool.waiting.shift()
    if (next) next()
    else pool.running--
  }
}

function called(call: Native, operation: string, args: unknown[]): Promise<number> {
  return new Promise((resolve, reject) => {
    call.async(...args, (error: unknown, result: number) => {
      // koffi does not hold the buffers that the other thread reads and writes: this mention does.
      void args.length
      if (error) reject(error)
      else if (result < 0) reject(errnoError(operation, koffi.errno()))
      else resolve(result)
    })
  })
}
