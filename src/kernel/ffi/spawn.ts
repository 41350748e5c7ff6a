import { checked, errnoError } from './errno.ts'
import { fcntl, native, O_CLOEXEC } from './libc.ts'

/**
 * posix_spawn(3): the child is made by vfork, so that it costs 0.2 ms whatever the size of this process, where
 * `child_process.spawn` copies the page tables (5 ms at 170 MB) and blocks the main thread for that time. The child is
 * forked from the calling thread and thus inherits the namespaces that the thread is in at that moment.
 */
const c = {
  spawn: native(
    'int posix_spawn(_Out_ int *pid, const char *path, const uint8_t *actions, const uint8_t *attributes, const char **argv, const char **envp)',
  ),
  actionsInit: native('int posix_spawn_file_actions_init(uint8_t *actions)'),
  actionsDestroy: native('int posix_spawn_file_actions_destroy(uint8_t *actions)'),
  addDup2: native('int posix_spawn_file_actions_adddup2(uint8_t *actions, int fd, int newfd)'),
  addChdir: native('int posix_spawn_file_actions_addchdir_np(uint8_t *actions, const char *path)'),
  attributesInit: native('int posix_spawnattr_init(uint8_t *attributes)'),
  setFlags: native('int posix_spawnattr_setflags(uint8_t *attributes, short flags)'),
  setSigdefault: native('int posix_spawnattr_setsigdefault(uint8_t *attributes, const uint8_t *set)'),
  waitpid: native('int waitpid(int pid, _Out_ int *status, int options)'),
  syscall: native('long syscall(long number, long a, long b, long c)'),
  pipe2: native('int pipe2(_Out_ int *fds, int flags)'),
}

const POSIX_SPAWN_SETSIGDEF = 0x04
const POSIX_SPAWN_SETSIGMASK = 0x08
const POSIX_SPAWN_SETSID = 0x80
const F_DUPFD_CLOEXEC = 1030
const WNOHANG = 1
const SYS_CLOSE_RANGE = 436
const CLOSE_RANGE_CLOEXEC = 4
const EVERY_FD = 0xffffffff
/** Above every number that a child wants, so that one dup2 cannot overwrite the source of a later one. */
const SAFE_FD = 64

export interface SpawnOptions {
  /** Absolute path; there is no search. */
  file: string
  args: string[]
  /** `NAME=value`; nothing is inherited. */
  env: string[]
  cwd: string
  /** The child's descriptor -> ours. All others are closed. */
  fds: Record<number, number>
}

/**
 * Starts a process in a session of its own, with all signals at their default. The caller must `reap` it.
 *
 * @returns the pid
 * @throws system when the program cannot be executed
 */
export function spawnProcess(options: SpawnOptions): number {
  const actions = new Uint8Array(512)
  const attributes = new Uint8Array(1024)
  const duplicates: number[] = []
  checkedNumber(c.actionsInit()(actions))
  // Ours are close-on-exec already; what whoever started us left open is not. Kernels before 5.11 refuse, harmlessly.
  c.syscall()(SYS_CLOSE_RANGE, 3, EVERY_FD, CLOSE_RANGE_CLOEXEC)
  try {
    for (const [child, ours] of Object.entries(options.fds)) {
      let from = ours
      if (from < SAFE_FD) {
        from = fcntl(ours, F_DUPFD_CLOEXEC, SAFE_FD)
        duplicates.push(from)
      }
      checkedNumber(c.addDup2()(actions, from, Number(child)))
    }
    checkedNumber(c.addChdir()(actions, options.cwd))
    checkedNumber(c.attributesInit()(attributes))
    checkedNumber(c.setFlags()(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID))
    checkedNumber(c.setSigdefault()(attributes, new Uint8Array(128).fill(0xff)))
    const pid = [0]
    const argv = [options.file, ...options.args, null]
    const result = c.spawn()(pid, options.file, actions, attributes, argv, [...options.env, null])
    if (result !== 0) throw errnoError(`execute ${options.file}`, result)
    return pid[0]!
  } finally {
    c.actionsDestroy()(actions)
    for (const fd of duplicates) closeQuietly(fd)
  }
}

const closeFd = native('int close(int fd)')

function closeQuietly(fd: number): void {
  closeFd()(fd)
}

/** posix_spawn functions return the error number. */
function checkedNumber(result: number): void {
  if (result !== 0) throw errnoError('prepare a process', result)
}

/**
 * Collects a child that has ended; never blocks.
 *
 * @returns undefined while it runs; else its exit code, 128 + N when killed by signal N
 */
export function reap(pid: number): number | undefined {
  const status = [0]
  const result = checked(c.waitpid()(pid, status, WNOHANG), `wait for process ${pid}`)
  if (result === 0) return undefined
  const raw = status[0]!
  return (raw & 0x7f) === 0 ? (raw >> 8) & 0xff : 128 + (raw & 0x7f)
}

/** @returns read end and write end, both close-on-exec */
export function pipe(): [number, number] {
  const fds = [0, 0]
  checked(c.pipe2()(fds, O_CLOEXEC), 'make a pipe')
  return [fds[0]!, fds[1]!]
}
