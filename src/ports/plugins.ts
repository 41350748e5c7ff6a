/**
 * Programs beside the daemon that do part of its work by Docker's plugin protocol: network drivers, address management,
 * volume drivers (docs.docker.com/engine/extend/plugin_api). They are found by a file of their name each time they are
 * needed, so that one may come, go and be replaced while the daemon runs.
 */
export interface Plugins {
  /** Names of the plugins that have a file. */
  list(): Promise<string[]>
  /**
   * Shakes hands.
   * @param options.timeoutMs instead of ten seconds
   * @returns what it implements: `NetworkDriver`, `IpamDriver`, `VolumeDriver`
   * @throws not-found when there is no such plugin, system when it does not answer or makes no sense, in bounded time
   */
  activate(name: string, options?: { timeoutMs?: number }): Promise<string[]>
  /**
   * Asks it once; never longer than ten seconds.
   * @param method `NetworkDriver.CreateNetwork`
   * @param options.timeoutMs instead of ten seconds
   * @throws not-found when there is no such plugin; system for an answer late, wrong or too long, and with its own words
   * alone as `details.reason` when it refuses
   */
  call(name: string, method: string, body: unknown, options?: { timeoutMs?: number }): Promise<Record<string, unknown>>
}

/** Where plugins are found: sockets in the first, `.spec` and `.json` files in the second. */
export interface PluginDirectories {
  sockets: readonly string[]
  specs: readonly string[]
}

/** `driver:latest` and `driver` are one. */
export const pluginName = (text: string): string => text.replace(/:latest$/, '')
