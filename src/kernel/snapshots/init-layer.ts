import fs from 'node:fs'
import { join } from 'node:path'

/**
 * The layer below every container's image: the places on which the runtime mounts files and file systems. Were they
 * missing, the runtime would make them in the container's own layer, and they would show in its diff and be committed
 * into images. What an image has itself hides them.
 */
export function makeInitLayer(directory: string): void {
  if (fs.existsSync(join(directory, '.dockerenv'))) return
  for (const name of ['dev/pts', 'dev/shm', 'proc', 'sys', 'etc'])
    fs.mkdirSync(join(directory, name), { recursive: true })
  for (const name of ['etc/hosts', 'etc/hostname', 'etc/resolv.conf', 'dev/console'])
    fs.writeFileSync(join(directory, name), '', { mode: 0o644 })
  fs.rmSync(join(directory, 'etc/mtab'), { force: true })
  fs.symlinkSync('/proc/mounts', join(directory, 'etc/mtab'))
  for (const name of ['', 'dev', 'dev/pts', 'dev/shm', 'proc', 'sys', 'etc']) fs.chmodSync(join(directory, name), 0o755)
  // Last: it says that the layer is complete.
  fs.writeFileSync(join(directory, '.dockerenv'), '', { mode: 0o755 })
}
