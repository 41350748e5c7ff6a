import { createHash } from 'node:crypto'
import { createWriteStream, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { pack, type Pack } from 'tar-stream'

function collect(tar: Pack): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    tar.on('data', chunk => chunks.push(chunk as Buffer))
    tar.on('end', () => resolve(Buffer.concat(chunks)))
    tar.on('error', reject)
  })
}

/** A `docker save` archive of the host's static busybox, tagged `bench`, that every engine loads. @returns its path */
export async function busyboxArchive(): Promise<string> {
  const layerTar = pack()
  layerTar.entry({ name: 'bin/', type: 'directory', mode: 0o755 })
  layerTar.entry({ name: 'bin/busybox', mode: 0o755 }, readFileSync('/bin/busybox'))
  for (const applet of ['sh', 'true', 'sleep', 'cat', 'echo', 'nc', 'wget', 'ip', 'tar', 'gzip', 'gunzip']) {
    layerTar.entry({ name: `bin/${applet}`, type: 'symlink', linkname: 'busybox' })
  }
  layerTar.entry({ name: 'etc/', type: 'directory', mode: 0o755 })
  layerTar.entry({ name: 'etc/passwd', mode: 0o644 }, 'root:x:0:0:root:/:/bin/sh\n')
  layerTar.finalize()
  const layer = await collect(layerTar)
  const diffId = `sha256:${createHash('sha256').update(layer).digest('hex')}`
  const config = JSON.stringify({
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    config: { Cmd: ['sh'], Env: ['PATH=/bin'] },
    rootfs: { type: 'layers', diff_ids: [diffId] },
    history: [{ created_by: 'bench' }],
  })
  const id = createHash('sha256').update(config).digest('hex')
  const archive = pack()
  archive.entry({ name: `${id}.json` }, config)
  archive.entry({ name: 'layer.tar' }, layer)
  archive.entry(
    { name: 'manifest.json' },
    JSON.stringify([{ Config: `${id}.json`, RepoTags: ['bench:latest'], Layers: ['layer.tar'] }]),
  )
  archive.finalize()
  const path = join(tmpdir(), `bench-busybox-${process.pid}.tar`)
  await pipeline(archive, createWriteStream(path))
  return path
}
