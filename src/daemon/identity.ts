import { randomBytes } from 'node:crypto'
import type { Repository } from '#ports/store.ts'

/** What tells this daemon's kernel objects from another's on the same host; the same at each start. */
export interface Identity {
  /** Shown as `ID` by `info`. */
  id: string
  /** In interface aliases and names. */
  key: string
  /** nftables table. */
  table: string
  /** Interface of the default network. */
  bridge: string
}

/**
 * The daemon on the default data root has the plain names `berth` and `berth0`; each other one has names with a suffix
 * of its own, so that several run side by side.
 */
export function identity(records: Repository<Identity>, dataRoot: string, bridge: string | undefined): Identity {
  const known = records.get('self')
  if (known) return bridge ? { ...known, bridge } : known
  const random = randomBytes(16).toString('hex')
  const id = random.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  const key = random.slice(0, 6)
  const plain = dataRoot === '/var/lib/berth'
  const made: Identity = {
    id,
    key,
    table: plain ? 'berth' : `berth_${key}`,
    bridge: bridge ?? (plain ? 'berth0' : `berth${key}`),
  }
  records.put('self', made)
  return made
}
