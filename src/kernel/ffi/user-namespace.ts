import fs from 'node:fs'
import koffi from 'koffi'
import { system } from '#lib/errors.ts'
import type { IdRange } from '#ports/mounts.ts'
import { checked, hasErrno } from './errno.ts'
import * as libc from './libc.ts'

const c = {
  dlsym: libc.native('uintptr_t dlsym(uintptr_t handle, const char *name)'),
  clone: libc.native('int clone(uintptr_t entry, uintptr_t stack, int flags, uintptr_t argument)'),
  waitpid: libc.native('int waitpid(int pid, _Out_ int *status, int options)'),
}

const CLONE_VM = 0x100
const CLONE_VFORK = 0x4000
const CLONE_NEWUSER = 0x10000000
const WALL = 0x40000000
const STACK = 32 * 1024

/**
 * Makes a user namespace (user_namespaces(7)) in which nothing runs, with these ids.
 *
 * Only a process of one thread may make one, and Node is none. So a child is made by clone(2) that shares our memory
 * (nothing is copied), runs one C function that touches nothing, and has ended when clone returns. Until it is collected
 * its namespace can still be opened and its id maps be written.
 *
 * @returns a descriptor, the caller's to close
 * @throws system that says what the kernel lacks
 */
export function userNamespace(uids: readonly IdRange[], gids: readonly IdRange[]): number {
  const entry = c.dlsym()(0, 'getppid')
  const stack = Buffer.alloc(STACK)
  const top = (koffi.address(stack) + BigInt(STACK - 64)) & ~15n
  let pid: number
  try {
    // No signal at the end: libuv, which watches for SIGCHLD, need not know of it.
    pid = checked(c.clone()(entry, top, CLONE_VM | CLONE_VFORK | CLONE_NEWUSER, 0), 'make a user namespace')
  } catch (cause) {
    throw explained(cause)
  }
  try {
    fs.writeFileSync(`/proc/${pid}/uid_map`, mapText(uids))
    fs.writeFileSync(`/proc/${pid}/gid_map`, mapText(gids))
    return libc.open(`/proc/${pid}/ns/user`, libc.O_RDONLY)
  } finally {
    c.waitpid()(pid, [0], WALL)
  }
}

function mapText(ranges: readonly IdRange[]): string {
  return ranges.map(({ from, to, length }) => `${from} ${to} ${length}\n`).join('')
}

function explained(cause: unknown): unknown {
  const details = { errno: hasErrno(cause, 'ENOSPC') ? 'ENOSPC' : 'EINVAL' }
  if (hasErrno(cause, 'EINVAL')) {
    return system('this kernel has no user namespaces (CONFIG_USER_NS), which id-mapped mounts need', {
      cause,
      details,
    })
  }
  if (hasErrno(cause, 'ENOSPC', 'EUSERS')) {
    return system('no more user namespaces are allowed: raise the sysctl user.max_user_namespaces', { cause, details })
  }
  return cause
}
