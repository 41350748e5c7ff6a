import type { RpcCall } from './call.ts'
import { XdrWriter } from './xdr.ts'
import type { XdrReader } from './xdr.ts'

/** The calls by which one finds out whether an export is there: NFS 4.0 (RFC 7530), MOUNT 3 (RFC 1813), rpcbind 2. */
export const NFS_PROGRAM = 100_003
const MOUNT_PROGRAM = 100_005
const PORTMAP_PROGRAM = 100_000
const TCP = 6

const [OP_LOOKUP, OP_PUTROOTFH, OP_READDIR] = [15, 24, 26]
const NAMES_SIZE = 16_384

/** Does nothing, in the given version of NFS. */
export const nullCall = (id: number, version: number): RpcCall => ({ id, program: NFS_PROGRAM, version, procedure: 0 })

/** From the server's root down to `names`; then what is in there, if asked. */
export function lookupCall(id: number, names: string[], list: boolean): RpcCall {
  const args = new XdrWriter().string('').uint(0, 1 + names.length + (list ? 1 : 0), OP_PUTROOTFH)
  for (const name of names) args.uint(OP_LOOKUP).string(name)
  if (list) args.uint(OP_READDIR, 0, 0).fixed(Buffer.alloc(8)).uint(NAMES_SIZE, NAMES_SIZE, 0)
  return { id, program: NFS_PROGRAM, version: 4, procedure: 1, arguments: args.bytes() }
}

/** NFS4ERR_… by number, for those that a look can meet. */
const ERRORS: Readonly<Record<number, string>> = {
  1: 'EPERM',
  2: 'ENOENT',
  13: 'EACCES',
  20: 'ENOTDIR',
  10_004: 'EACCES',
  10_016: 'EACCES',
  10_021: 'EPROTONOSUPPORT',
}

export interface Looked {
  /** How many of the names were found, one after the other. */
  found: number
  /** Why the next was not; '' when all were. */
  errno: string
  /** Names in the last one, when they were asked for. */
  names: string[]
}

export function decodeLookup(results: XdrReader): Looked {
  const looked: Looked = { found: 0, errno: '', names: [] }
  const status = results.uint()
  results.string()
  for (let left = results.uint(); left > 0; left--) {
    const operation = results.uint()
    const code = results.uint()
    if (code !== 0) return { ...looked, errno: errnoOf(code) }
    if (operation === OP_LOOKUP) looked.found++
    if (operation === OP_READDIR) looked.names = names(results)
  }
  return status === 0 ? looked : { ...looked, errno: errnoOf(status) }
}

const errnoOf = (code: number) => ERRORS[code] ?? `NFS error ${code}`

function names(results: XdrReader): string[] {
  const found: string[] = []
  results.skip(8)
  while (results.uint() === 1) {
    results.skip(8)
    found.push(results.string())
    for (let words = results.uint(); words > 0; words--) results.uint()
    results.opaque()
  }
  return found
}

/** Port of the server's MOUNT program. */
export function mountPortCall(id: number): RpcCall {
  const args = new XdrWriter().uint(MOUNT_PROGRAM, 3, TCP, 0).bytes()
  return { id, program: PORTMAP_PROGRAM, version: 2, procedure: 3, arguments: args }
}

/** @returns 0 when the program is not there */
export const decodePort = (results: XdrReader): number => results.uint()

/** What a server exports. */
export const exportsCall = (id: number): RpcCall => ({ id, program: MOUNT_PROGRAM, version: 3, procedure: 5 })

export function decodeExports(results: XdrReader): string[] {
  const found: string[] = []
  while (results.uint() === 1) {
    found.push(results.string())
    while (results.uint() === 1) results.string()
  }
  return found
}
