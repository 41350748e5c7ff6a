import { invalid } from '#lib/errors.ts'

const IPC = new Set([
  'kernel.msgmax',
  'kernel.msgmnb',
  'kernel.msgmni',
  'kernel.sem',
  'kernel.shmall',
  'kernel.shmmax',
  'kernel.shmmni',
  'kernel.shm_rmid_forced',
])
const UTS = new Set(['kernel.domainname', 'kernel.hostname'])

/** Which namespaces a container shares with the host. */
export interface HostNamespaces {
  network: boolean
  ipc: boolean
  uts: boolean
}

/** Only sysctls that belong to a namespace of the container may be set. @throws invalid naming the key */
export function checkSysctls(sysctls: Readonly<Record<string, string>>, host: HostNamespaces): void {
  for (const key of Object.keys(sysctls)) {
    const dotted = key.replaceAll('/', '.')
    if (dotted.startsWith('net.')) {
      if (host.network) throw invalid(`sysctl "${key}" not allowed in host network namespace`)
    } else if (IPC.has(dotted) || dotted.startsWith('fs.mqueue.')) {
      if (host.ipc) throw invalid(`sysctl "${key}" not allowed in host ipc namespace`)
    } else if (UTS.has(dotted)) {
      if (host.uts) throw invalid(`sysctl "${key}" not allowed in host uts namespace`)
    } else throw invalid(`sysctl "${key}" is not in a separate kernel namespace: it would change the host`)
  }
}
