import type { ByteString } from '#codec/tar/index.ts'
import * as at from '../ffi/fs.ts'
import { getXattrOf, listXattrsOf } from './sys.ts'

/**
 * What a backup keeps of extended attributes: the users', ACLs and capabilities. Labels of security modules are the
 * host's, and overlayfs's own marks are no content.
 */
export function isKept(name: ByteString): boolean {
  return /^(user|trusted)\.(?!overlay\.)|^security\.capability$|^system\.posix_acl_(access|default)$/.test(name)
}

/** By name, values in base64; undefined when there are none. */
export type Attributes = Record<string, string> | undefined

export function attributesOf(fd: number, shown: () => string): Attributes {
  const names = listXattrsOf(fd, shown)
  return names.length === 0 ? undefined : collect(names, name => getXattrOf(fd, name, shown))
}

/** Of what cannot be opened: symlinks, sockets, devices. */
export function attributesAt(parent: number, name: ByteString): Attributes {
  const path = at.through(parent, name)
  const names = at.listXattrs(path)
  return names.length === 0 ? undefined : collect(names, name => at.getXattr(path, name))
}

function collect(names: ByteString[], value: (name: ByteString) => Buffer | undefined): Attributes {
  const found: Record<string, string> = {}
  let any = false
  for (const name of names.filter(isKept).sort()) {
    const bytes = value(name)
    if (!bytes) continue
    found[name] = bytes.toString('base64')
    any = true
  }
  return any ? found : undefined
}
