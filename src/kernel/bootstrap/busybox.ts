import { readFile, rm, stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pack } from 'tar-stream'
import { invalid } from '#lib/errors.ts'
import { addHostFiles } from './copy.ts'
import { PATH_ENV, run } from './run.ts'
import { staticBusybox } from './static-busybox.ts'
import type { BootstrapRequest, Bootstrapped } from '#ports/bootstrap.ts'
import type { Pack } from 'tar-stream'

const ACCOUNTS = {
  'etc/passwd':
    'root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nwww-data:x:33:33:www-data:/var/www:/bin/false\n' +
    'nobody:x:65534:65534:nobody:/home:/bin/false\n',
  'etc/group': 'root:x:0:\ndaemon:x:1:\ntty:x:5:\nwww-data:x:33:\nusers:x:100:\nnogroup:x:65534:\n',
  'etc/shadow': 'root:*:::::::\nnobody:*:::::::\n',
  'etc/nsswitch.conf': 'hosts: files dns\n',
}
const DIRECTORIES: [path: string, mode: number][] = [
  ['bin', 0o755],
  ['dev', 0o755],
  ['etc', 0o755],
  ['home', 0o755],
  ['proc', 0o755],
  ['root', 0o700],
  ['sys', 0o755],
  ['tmp', 0o1777],
  ['usr', 0o755],
  ['usr/sbin', 0o755],
  ['var', 0o755],
  ['var/spool', 0o755],
  ['var/www', 0o755],
]

/** A root filesystem of one static binary and its links. The same package and files give the same bytes. */
export async function busybox(request: BootstrapRequest, onProgress: (line: string) => void): Promise<Bootstrapped> {
  if (request.include?.length) throw invalid('busybox takes no packages: bootstrap debian:<suite> with include instead')
  if (request.setup?.length) throw invalid('busybox takes no setup lines: bootstrap debian:<suite> instead')
  const { path, temporary } = await staticBusybox(onProgress)
  try {
    const binary = await readFile(path)
    const mtime = new Date(Math.floor((await stat(path)).mtimeMs / 1000) * 1000)
    const applets = (await run(path, ['--list'])).split('\n').filter(name => /^[\w[.+-]+$/.test(name))
    const tar = pack()
    writeRoot(tar, binary, applets, mtime)
    await addHostFiles(tar, request.copy ?? [], mtime)
    tar.finalize()
    return {
      rootfs: Readable.from(tar, { objectMode: false }),
      env: [PATH_ENV],
      cmd: ['sh'],
      created: mtime.toISOString(),
      createdBy: 'busybox-static',
    }
  } finally {
    if (temporary) await rm(temporary, { recursive: true, force: true })
  }
}

function writeRoot(tar: Pack, binary: Buffer, applets: string[], mtime: Date): void {
  for (const [name, mode] of DIRECTORIES) tar.entry({ name, type: 'directory', mode, mtime })
  tar.entry({ name: 'bin/busybox', mode: 0o755, mtime }, binary)
  for (const name of applets) {
    if (name === 'busybox') continue
    tar.entry({ name: `bin/${name}`, type: 'link', linkname: 'bin/busybox', mode: 0o755, mtime })
  }
  for (const [name, content] of Object.entries(ACCOUNTS)) {
    tar.entry({ name, mode: name === 'etc/shadow' ? 0o640 : 0o644, mtime }, content)
  }
  // Scripts written for other distributions begin with these.
  tar.entry({ name: 'usr/bin', type: 'symlink', linkname: '../bin', mode: 0o777, mtime })
  tar.entry({ name: 'sbin', type: 'symlink', linkname: 'bin', mode: 0o777, mtime })
}
