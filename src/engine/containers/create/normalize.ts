import type { HostConfig } from '#model/config.ts'
import { MASKED_PATHS, READONLY_PATHS } from '../spec/paths.ts'

const DEFAULT_SHM = 64 * 1024 * 1024

/** What is stored for fields that were left empty, as Docker stores it. */
export function normalize(host: HostConfig, cgroupMode: 'v1' | 'v2' | 'hybrid'): HostConfig {
  const mode = host.NetworkMode ?? ''
  const hidden = (paths: readonly string[]) => (host.Privileged ? null : Array.from(paths))
  return {
    ...host,
    NetworkMode: mode === '' || mode === 'default' ? 'bridge' : mode,
    RestartPolicy: {
      Name: host.RestartPolicy?.Name || 'no',
      MaximumRetryCount: host.RestartPolicy?.MaximumRetryCount ?? 0,
    },
    LogConfig: { Type: host.LogConfig?.Type || 'json-file', Config: host.LogConfig?.Config ?? {} },
    IpcMode: host.IpcMode || 'private',
    CgroupnsMode: host.CgroupnsMode || (cgroupMode === 'v2' ? 'private' : 'host'),
    ShmSize: host.ShmSize || DEFAULT_SHM,
    MemorySwap: host.Memory > 0 && !host.MemorySwap ? host.Memory * 2 : host.MemorySwap,
    MaskedPaths: host.MaskedPaths ?? hidden(MASKED_PATHS),
    ReadonlyPaths: host.ReadonlyPaths ?? hidden(READONLY_PATHS),
  }
}
