import { invalid } from '#lib/errors.ts'

/** What Docker leaves a container. */
export const DEFAULT_CAPABILITIES: readonly string[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_MKNOD',
  'CAP_NET_RAW',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETFCAP',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_SYS_CHROOT',
  'CAP_KILL',
  'CAP_AUDIT_WRITE',
]

export interface CapabilityRequest {
  add: readonly string[]
  drop: readonly string[]
  privileged: boolean
  /** What the kernel knows, without `CAP_`. */
  known: readonly string[]
}

/** The set of a container, with `CAP_`, in kernel order. @throws invalid naming an unknown capability */
export function capabilitySet({ add, drop, privileged, known }: CapabilityRequest): string[] {
  const all = known.map(name => `CAP_${name.toUpperCase().replace(/^CAP_/, '')}`)
  const parse = (name: string, which: string): string => {
    const upper = name.toUpperCase()
    if (upper === 'ALL') return 'ALL'
    const full = upper.startsWith('CAP_') ? upper : `CAP_${upper}`
    if (!all.includes(full)) throw invalid(`invalid Cap${which}: unknown capability: "${full}"`)
    return full
  }
  const added = add.map(name => parse(name, 'Add'))
  const dropped = drop.map(name => parse(name, 'Drop'))
  if (privileged) return all
  let set: string[]
  if (added.includes('ALL')) set = all.filter(name => !dropped.includes(name))
  else if (dropped.includes('ALL')) set = added
  else {
    const base = DEFAULT_CAPABILITIES.filter(name => all.includes(name) && !dropped.includes(name))
    set = [...base, ...added.filter(name => !dropped.includes(name))]
  }
  return all.filter(name => set.includes(name))
}

/** How a set is given to a process. A user other than root loses all but the bound when it execs (capabilities(7)). */
export function processCapabilities(
  set: readonly string[],
): Record<'bounding' | 'effective' | 'inheritable' | 'permitted' | 'ambient', string[]> {
  return { bounding: [...set], effective: [...set], permitted: [...set], inheritable: [], ambient: [] }
}
