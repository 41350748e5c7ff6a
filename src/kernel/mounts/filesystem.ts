import { BerthError, messageOf, system } from '#lib/errors.ts'
import { native, promised } from '../ffi/libc.ts'
import * as libc from '../ffi/libc.ts'
import { onThread } from './mount-thread.ts'
import type { MountOptions } from './options.ts'

const mountNative = native(
  'int mount(const char *source, const char *target, const char *type, ulong flags, const char *data)',
)

/** Whose server may take minutes to answer, or never. */
const FROM_SERVER = /^(nfs4?|cifs|smb3|ceph|9p|afs|fuse(\..*)?|fuseblk)$/

/** Any file system, off the main thread. */
export async function mountFilesystem(
  target: string,
  type: string,
  source: string,
  options: MountOptions,
): Promise<void> {
  const { flags, data, propagation } = options
  try {
    const text = data.length > 0 ? data.join(',') : undefined
    if (FROM_SERVER.test(type)) await onThread({ call: 'mount', source, target, type, flags, data: text })
    else await promised(mountNative(), `mount`, source, target, type, flags, text ?? null)
    if (propagation) libc.mount(null, target, null, propagation.flag | (propagation.recursive ? libc.MS_REC : 0))
  } catch (cause) {
    const errno = cause instanceof BerthError ? String(cause.details.errno) : ''
    const words = data.length > 0 ? ` with ${redacted(data).join(',')}` : ''
    throw system(`mounting ${type} ${source} on ${target}${words} failed: ${reason(errno, type, cause)}`, {
      details: { errno },
    })
  }
}

/** mount(2) says "invalid argument" for most of what can be wrong: say what it means for this type. */
function reason(errno: string, type: string, cause: unknown): string {
  const network = /^(nfs|nfs4|cifs|smb3|ceph)$/.test(type)
  if (errno === 'ENODEV') return `this kernel does not know the file system type ${type} (is its module installed?)`
  if (errno === 'ENOENT') return network ? 'the export or the mount point does not exist' : 'the source does not exist'
  if (errno === 'ENOTBLK') return 'the source is no block device: attach a file to a loop device first'
  if (errno === 'ENXIO') return 'the source is no device that exists'
  if (errno === 'EBUSY') return 'the source is in use elsewhere'
  if (errno === 'EINVAL' && type.startsWith('nfs'))
    return 'an option is wrong or missing: NFS needs addr=IP (and vers=N)'
  if (errno === 'EINVAL' && network) return 'an option is wrong or missing'
  if (errno === 'EINVAL') return `an option is wrong, or the source holds no ${type} file system`
  if (errno === 'EIO' && !network) return `the source is too short for a file system of type ${type}, or cannot be read`
  if (errno === 'EUCLEAN') return `the ${type} file system is damaged: check it with fsck.${type}`
  if (errno === 'EACCES' && network) return 'the server refuses this client, or the user name or password is wrong'
  if (errno === 'ECONNREFUSED') return 'the server refuses the connection'
  if (errno === 'EHOSTUNREACH' || errno === 'ENETUNREACH') return 'there is no route to the server'
  if (errno === 'ETIMEDOUT' || errno === 'EHOSTDOWN') return 'the server does not answer'
  return messageOf(cause).replace(/^mount: /, '')
}

/** Options are shown in errors and logs; secrets are not. */
function redacted(data: string[]): string[] {
  return data.map(word => word.replace(/^(pass|password|pass2|password2|secret)=.*/, '$1=…'))
}
