/**
 * MAC addresses that containers ask for, kept for them while they are stopped. Claims of one address queue: a container that
 * replaces another is created before the other is removed.
 */
export class MacClaims {
  readonly #claims = new Map<string, string[]>()

  claim(networkId: string, mac: string, containerId: string): void {
    const key = keyOf(networkId, mac)
    const claims = this.#claims.get(key) ?? []
    if (!claims.includes(containerId)) this.#claims.set(key, [...claims, containerId])
  }

  /** Ends the container's claims in one network, or in all. */
  unclaim(containerId: string, networkId?: string): void {
    for (const [key, claims] of this.#claims) {
      if (networkId !== undefined && !key.startsWith(`${networkId}/`)) continue
      const rest = claims.filter(claimant => claimant !== containerId)
      if (rest.length > 0) this.#claims.set(key, rest)
      else this.#claims.delete(key)
    }
  }

  /** Whose turn it is; undefined when nobody asked for the address. */
  holder(networkId: string, mac: string): string | undefined {
    return this.#claims.get(keyOf(networkId, mac))?.[0]
  }
}

const keyOf = (networkId: string, mac: string): string => `${networkId}/${mac.toLowerCase()}`
