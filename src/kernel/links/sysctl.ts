import fs from 'node:fs'
import { invalid } from '#lib/errors.ts'
import { hasErrno, nodeError } from '#kernel/ffi/errno.ts'

/**
 * Sets a sysctl of the calling thread's network namespace (proc resolves /proc/sys/net by the opener's). Written only
 * when it differs: some (`ip_forward`) make the kernel walk every device.
 *
 * @param key `net.ipv4.ip_forward`, or with slashes where an interface name has dots: `net/ipv4/conf/eth0.1/forwarding`
 * @returns whether it had another value
 * @throws invalid for a key outside `net`, system if the kernel refuses
 */
export function writeSysctl(key: string, value: string): boolean {
  const path = sysctlPath(key)
  try {
    if (fs.readFileSync(path, 'utf8').trim().replaceAll('\t', ' ') === value) return false
    fs.writeFileSync(path, value)
    return true
  } catch (error) {
    throw nodeError(`set sysctl ${key} to "${value}"`, error)
  }
}

/** The same, where a kernel without the feature (IPv6 left out) is no error. */
export function writeSysctlIfPresent(key: string, value: string): void {
  try {
    writeSysctl(key, value)
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error
  }
}

export function sysctlPath(key: string): string {
  const parts = key.includes('/') ? key.split('/') : key.split('.')
  if (parts[0] !== 'net' || parts.length < 3 || parts.some(part => part === '' || part === '..' || part === '.')) {
    throw invalid(`sysctl "${key}" is not one of the network namespace: its key must begin with "net."`)
  }
  return `/proc/sys/${parts.join('/')}`
}
