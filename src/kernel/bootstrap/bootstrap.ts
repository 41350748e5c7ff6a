import { invalid } from '#lib/errors.ts'
import { busybox } from './busybox.ts'
import { debian } from './debian.ts'
import type { Bootstrap, BootstrapRequest, Bootstrapped } from '#ports/bootstrap.ts'

const DISTRIBUTIONS = new Set(['debian', 'ubuntu'])

/** Root filesystems from this host's own package mirror. */
export class HostBootstrap implements Bootstrap {
  async build(request: BootstrapRequest, onProgress: (line: string) => void): Promise<Bootstrapped> {
    const [name, tag = 'latest'] = request.image.split(':', 2) as [string, string?]
    if (name === 'busybox') return await busybox(request, onProgress)
    if (DISTRIBUTIONS.has(name)) return await debian(name, tag.replace(/-slim$/, ''), request, onProgress)
    throw invalid(`cannot bootstrap ${request.image}: known are busybox, debian:<suite> and ubuntu:<suite>`)
  }
}
