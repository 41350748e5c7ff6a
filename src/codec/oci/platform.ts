import { invalid } from '#lib/errors.ts'

export interface OciPlatform {
  os: string
  architecture: string
  variant?: string
}

const ALIASES: Record<string, { architecture: string; variant?: string }> = {
  x86_64: { architecture: 'amd64' },
  'x86-64': { architecture: 'amd64' },
  x64: { architecture: 'amd64' },
  aarch64: { architecture: 'arm64' },
  armhf: { architecture: 'arm', variant: 'v7' },
  armel: { architecture: 'arm', variant: 'v6' },
  i386: { architecture: '386' },
  i686: { architecture: '386' },
  ia32: { architecture: '386' },
  ppc64el: { architecture: 'ppc64le' },
}

/** One spelling for each architecture: Go's. */
export function normalizePlatform(platform: OciPlatform): OciPlatform {
  const lower = platform.architecture.toLowerCase()
  const alias = ALIASES[lower] ?? { architecture: lower }
  let variant = platform.variant || alias.variant
  if (alias.architecture === 'arm64' && (variant === 'v8' || variant === '8')) variant = undefined
  if (alias.architecture === 'arm' && variant === undefined) variant = 'v7'
  if (alias.architecture === 'arm' && /^\d$/.test(variant ?? '')) variant = `v${variant}`
  const os = platform.os.toLowerCase() || 'linux'
  return { os, architecture: alias.architecture, ...(variant ? { variant } : {}) }
}

/**
 * `linux/arm64/v8`, `linux/amd64`, `arm64`.
 * @throws invalid naming the text
 */
export function parsePlatform(text: string): OciPlatform {
  const parts = text.split('/')
  if (parts.length > 3 || parts.some(part => !/^[A-Za-z0-9_.-]+$/.test(part))) {
    throw invalid(`"${text}" is an invalid platform: write os[/arch[/variant]], for example linux/arm64`)
  }
  if (parts.length === 1) {
    if (parts[0] === 'linux')
      throw invalid(`"linux" is an incomplete platform: write linux/arch, for example linux/amd64`)
    return normalizePlatform({ os: 'linux', architecture: parts[0]! })
  }
  return normalizePlatform({ os: parts[0]!, architecture: parts[1]!, ...(parts[2] ? { variant: parts[2] } : {}) })
}

export function platformText(platform: OciPlatform): string {
  return [platform.os, platform.architecture, platform.variant].filter(Boolean).join('/')
}

/**
 * How well `offered` runs on `wanted`: 0 exact, higher worse, undefined not at all. A later ARM runs what was built
 * for an earlier one.
 */
export function platformRank(wanted: OciPlatform, offered: OciPlatform): number | undefined {
  const want = normalizePlatform(wanted)
  const have = normalizePlatform(offered)
  if (want.os !== have.os) return undefined
  if (want.architecture === have.architecture) {
    if (want.variant === have.variant) return 0
    if (want.architecture !== 'arm') return want.variant === undefined ? 1 : have.variant === undefined ? 2 : undefined
  }
  const level = (p: OciPlatform) => (p.architecture === 'arm64' ? 8 : Number(p.variant?.slice(1) ?? NaN))
  if (have.architecture !== 'arm' || (want.architecture !== 'arm' && want.architecture !== 'arm64')) return undefined
  const gap = level(want) - level(have)
  return gap >= 0 ? 1 + gap + (want.architecture === have.architecture ? 0 : 10) : undefined
}

/** The best of several by platform; an entry without one fits only if it is alone. */
export function pickPlatform<T extends { platform?: OciPlatform }>(
  wanted: OciPlatform,
  offered: readonly T[],
): T | undefined {
  let best: T | undefined
  let bestRank = Infinity
  for (const entry of offered) {
    const rank = entry.platform ? platformRank(wanted, entry.platform) : offered.length === 1 ? 100 : undefined
    if (rank !== undefined && rank < bestRank) [best, bestRank] = [entry, rank]
  }
  return best
}
