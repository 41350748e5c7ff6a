/** One way in that a server offers (RFC 9110, WWW-Authenticate). Scheme and keys are in lower case. */
export interface Challenge {
  scheme: string
  parameters: Record<string, string>
}

/** Reads a header that may hold several challenges. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: Challenge[] = []
  const token = /\s*,?\s*(?:([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))|([\w-]+)(?=\s|$))/gy
  for (let match = token.exec(header); match; match = token.exec(header)) {
    const [, key, quoted, bare, scheme] = match
    if (scheme !== undefined) challenges.push({ scheme: scheme.toLowerCase(), parameters: {} })
    else {
      const value = quoted === undefined ? bare! : quoted.replace(/\\(.)/g, '$1')
      const current = challenges.at(-1)
      if (current) current.parameters[key!.toLowerCase()] = value
    }
  }
  return challenges
}
