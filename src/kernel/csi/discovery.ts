import fs from 'node:fs/promises'
import path from 'node:path'

/** Where drivers have their sockets. */
export interface CsiDirectories {
  /** `NAME.sock` for all services, or `NAME.controller.sock` beside it for a controller that is a program of its own. */
  flat: readonly string[]
  /** `NAME/csi.sock`, as Kubernetes' kubelet has them. */
  kubelet: readonly string[]
}

export interface CsiSockets {
  node: string
  controller: string
}

const NAME = /^[a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?$/
const CONTROLLER = '.controller'

const isSocket = async (file: string) => (await fs.stat(file).catch(() => undefined))?.isSocket() ?? false

export async function findCsi({ flat, kubelet }: CsiDirectories, name: string): Promise<CsiSockets | undefined> {
  if (!NAME.test(name) || name.length > 63) return undefined
  const files = [
    ...flat.map(directory => path.join(directory, `${name}.sock`)),
    ...kubelet.map(directory => path.join(directory, name, 'csi.sock')),
  ]
  for (const node of files) {
    if (!(await isSocket(node))) continue
    const own = node.replace(/\.sock$/, `${CONTROLLER}.sock`)
    return { node, controller: (await isSocket(own)) ? own : node }
  }
  return undefined
}

export async function listCsi(directories: CsiDirectories): Promise<string[]> {
  const names = new Set<string>()
  for (const directory of directories.flat) {
    for (const entry of await fs.readdir(directory).catch(() => [])) {
      const name = entry.replace(/\.sock$/, '')
      if (name !== entry && !name.endsWith(CONTROLLER)) names.add(name)
    }
  }
  for (const directory of directories.kubelet) {
    for (const entry of await fs.readdir(directory).catch(() => [])) names.add(entry)
  }
  const found = await Promise.all([...names].map(async name => ((await findCsi(directories, name)) ? [name] : [])))
  return found.flat().sort()
}
