import fs from 'node:fs/promises'
import path from 'node:path'
import { messageOf, notFound, system } from '#lib/errors.ts'
import type { PluginDirectories } from '#ports/plugins.ts'

export interface PluginAddress {
  /** Unix socket, or else host and port. */
  socketPath?: string
  host?: string
  port?: number
  tls?: { ca?: string; cert?: string; key?: string; insecure: boolean }
}

export const DOCKER_DIRECTORIES: PluginDirectories = {
  sockets: ['/run/docker/plugins'],
  specs: ['/etc/docker/plugins', '/usr/lib/docker/plugins'],
}

/** @throws not-found; invalid for a file that cannot be understood */
export async function findPlugin(directories: PluginDirectories, name: string): Promise<PluginAddress> {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*(\/[a-zA-Z0-9][a-zA-Z0-9_.-]*)*$/.test(name)) throw missing(name)
  const base = path.basename(name)
  for (const directory of directories.sockets) {
    // A plugin in a container may have a directory of its own to share.
    for (const file of [path.join(directory, `${name}.sock`), path.join(directory, name, `${base}.sock`)]) {
      if ((await fs.stat(file).catch(() => undefined))?.isSocket()) return { socketPath: file }
    }
  }
  for (const directory of directories.specs) {
    for (const stem of [path.join(directory, name), path.join(directory, name, base)]) {
      for (const [ending, read] of [
        ['.spec', specOf],
        ['.json', jsonOf],
      ] as const) {
        const text = await fs.readFile(stem + ending, 'utf8').catch(() => undefined)
        if (text === undefined) continue
        try {
          return await read(text)
        } catch (error) {
          throw system(`plugin "${name}": ${stem}${ending} is not understood: ${messageOf(error)}`, { cause: error })
        }
      }
    }
  }
  throw missing(name)
}

const missing = (name: string) => notFound(`plugin "${name}" not found`)

export async function listPlugins(directories: PluginDirectories): Promise<string[]> {
  const names = new Set<string>()
  for (const [list, endings] of [
    [directories.sockets, ['.sock']],
    [directories.specs, ['.spec', '.json']],
  ] as const) {
    for (const directory of list) {
      for (const entry of await fs.readdir(directory).catch(() => [])) {
        const ending = endings.find(one => entry.endsWith(one))
        if (ending !== undefined) names.add(entry.slice(0, -ending.length))
      }
    }
  }
  return [...names].sort()
}

async function specOf(text: string): Promise<PluginAddress> {
  return addressOf(text.trim())
}

async function jsonOf(text: string): Promise<PluginAddress> {
  const { Addr, TLSConfig } = JSON.parse(text) as { Addr?: unknown; TLSConfig?: Record<string, unknown> | null }
  if (typeof Addr !== 'string') throw new Error('it has no Addr')
  const address = addressOf(Addr)
  if (!TLSConfig && !Addr.startsWith('https:')) return address
  const read = async (key: string) => {
    const file = TLSConfig?.[key]
    return typeof file === 'string' && file !== '' ? fs.readFile(file, 'utf8') : undefined
  }
  const [ca, cert, key] = await Promise.all([read('CAFile'), read('CertFile'), read('KeyFile')])
  const insecure = TLSConfig?.['InsecureSkipVerify'] === true
  return { ...address, tls: { insecure, ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) } }
}

function addressOf(text: string): PluginAddress {
  const url = new URL(text)
  if (url.protocol === 'unix:') return { socketPath: url.pathname }
  if (!['tcp:', 'http:', 'https:'].includes(url.protocol)) throw new Error(`${url.protocol} is no way to a plugin`)
  return { host: url.hostname, port: Number(url.port) || (url.protocol === 'https:' ? 443 : 80) }
}
