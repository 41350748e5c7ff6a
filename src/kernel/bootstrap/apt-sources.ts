/** One archive of apt's configuration (sources.list(5)). */
export interface AptSource {
  uri: string
  suite: string
  components: string[]
  signedBy?: string
}

/** Reads one-line (`.list`) and deb822 (`.sources`) files; what is disabled or source-only is left out. */
export function parseSources(text: string): AptSource[] {
  return /^\s*Types:/im.test(text) ? parseStanzas(text) : text.split('\n').flatMap(parseLine)
}

function parseLine(line: string): AptSource[] {
  const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line)
  if (!match) return []
  const [, options = '', uri, suite, components] = match as unknown as [string, string?, string?, string?, string?]
  const signedBy = /(?:^|\s)signed-by=(\S+)/i.exec(options)?.[1]
  return [{ uri: uri!, suite: suite!, components: words(components), ...(signedBy ? { signedBy } : {}) }]
}

function parseStanzas(text: string): AptSource[] {
  return text.split(/\n\s*\n/).flatMap(stanza => {
    const fields = new Map<string, string>()
    let key = ''
    for (const line of stanza.split('\n').filter(line => !line.startsWith('#'))) {
      const match = /^([A-Za-z-]+):(.*)$/.exec(line)
      if (match) key = match[1]!.toLowerCase()
      fields.set(key, `${fields.get(key) ?? ''} ${match ? match[2]! : line}`.trim())
    }
    if (!words(fields.get('types')).includes('deb') || /^no$/i.test(fields.get('enabled') ?? '')) return []
    const signedBy = fields.get('signed-by')
    // An inline key has no path to name; apt's trusted keys then decide.
    const key_ = signedBy?.startsWith('/') ? { signedBy } : {}
    return words(fields.get('uris')).flatMap(uri =>
      words(fields.get('suites')).map(suite => ({
        uri,
        suite,
        components: words(fields.get('components')),
        ...key_,
      })),
    )
  })
}

const words = (text = '') => text.split(/\s+/).filter(Boolean)

/**
 * Lines for a new system of `suite` from the mirrors that this host uses: its own entries for that suite, else those
 * for the host's suite with the name replaced.
 * @returns none when no entry fits
 */
export function sourcesFor(suite: string, hostSuite: string, sources: readonly AptSource[]): string[] {
  const of = (name: string) => sources.filter(s => s.suite === name || s.suite.startsWith(`${name}-`))
  let chosen = of(suite)
  if (chosen.length === 0 && hostSuite !== '') {
    const rolling = ['sid', 'unstable', 'experimental'].includes(suite)
    chosen = of(hostSuite)
      .filter(source => !rolling || source.suite === hostSuite)
      .map(source => ({ ...source, suite: suite + source.suite.slice(hostSuite.length) }))
  }
  const lines = chosen.map(source => {
    const options = source.signedBy ? `[signed-by=${source.signedBy}] ` : ''
    return `deb ${options}${source.uri} ${source.suite} ${source.components.join(' ')}`.trim()
  })
  return Array.from(new Set(lines))
}
