import { invalid } from '#lib/errors.ts'
import type { HostConfig } from '#model/config.ts'

export interface LogLimits {
  maxBytes: number
  maxFiles: number
}

/** Unless the user says otherwise a container's log takes at most five files of 100 MB: no log fills the disk. */
export const DEFAULT_LOG_LIMITS: LogLimits = { maxBytes: 100 * 1000 * 1000, maxFiles: 5 }

const UNITS: Record<string, number> = { '': 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }

/** Limits of the log; undefined for the driver `none`. @throws invalid for unknown drivers and options */
export function logLimits(config: HostConfig['LogConfig'] | undefined): LogLimits | undefined {
  const driver = config?.Type || 'json-file'
  if (driver === 'none') return undefined
  if (driver !== 'json-file' && driver !== 'local' && driver !== 'k8s-file') {
    throw invalid(`logger: no log driver named '${driver}' is registered: use json-file, local or none`)
  }
  const limits = { ...DEFAULT_LOG_LIMITS }
  for (const [key, value] of Object.entries(config?.Config ?? {})) {
    if (key === 'max-size') limits.maxBytes = parseSize(value)
    else if (key === 'max-file') limits.maxFiles = parseCount(value)
    else if (
      !['compress', 'labels', 'labels-regex', 'env', 'env-regex', 'tag', 'mode', 'max-buffer-size'].includes(key)
    ) {
      throw invalid(`unknown log opt '${key}' for ${driver} log driver`)
    }
  }
  return limits
}

function parseSize(text: string): number {
  if (text === '-1') return Number.MAX_SAFE_INTEGER
  const match = /^(\d+(?:\.\d+)?)\s*([bkmg]?)(?:i?b)?$/i.exec(text.trim())
  const bytes = Number(match?.[1]) * (UNITS[match?.[2]?.toLowerCase() ?? ''] ?? 1)
  if (!match || bytes <= 0) throw invalid(`invalid value for max-size: ${text}`)
  return Math.floor(bytes)
}

function parseCount(text: string): number {
  if (!/^\d+$/.test(text) || Number(text) < 1) throw invalid(`max-file cannot be less than 1: ${text}`)
  return Number(text)
}
