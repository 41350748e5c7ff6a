import { access, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { notFound } from '#lib/errors.ts'
import { isStatic } from './elf.ts'
import { run } from './run.ts'

const PLACES = ['/bin/busybox', '/usr/bin/busybox', '/usr/lib/busybox/busybox-static']

/**
 * A statically linked busybox: the host's, else the one of package busybox-static, fetched and checked by apt.
 * @returns `temporary`, a directory that the caller removes
 */
export async function staticBusybox(onProgress: (line: string) => void): Promise<{ path: string; temporary?: string }> {
  for (const path of PLACES) {
    if (await isStatic(path)) return { path }
  }
  onProgress('downloading busybox-static')
  const temporary = await mkdtemp(join(tmpdir(), 'berth-busybox-'))
  try {
    await run('apt-get', ['download', 'busybox-static'], { cwd: temporary })
    await run('sh', ['-c', 'dpkg-deb --extract busybox-static_*.deb unpacked'], { cwd: temporary })
    for (const place of ['bin/busybox', 'usr/bin/busybox']) {
      const path = join(temporary, 'unpacked', place)
      if (await exists(path)) return { path, temporary }
    }
    throw notFound('package busybox-static holds no /bin/busybox')
  } catch (cause) {
    await rm(temporary, { recursive: true, force: true })
    throw notFound('no static busybox on this host: install the package busybox-static', { cause })
  }
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  )
