import { toText } from '#codec/tar/index.ts'
import type { BackupEntry } from '#model/backup.ts'
import { digestFile } from './content.ts'
import { scan } from './scan.ts'
import type { Stat } from './sys.ts'
import { TreeDigests } from './tally.ts'

export interface DigestJob {
  kind: 'digest'
  path: string
}

export interface DigestHost {
  progress: (files: number, bytes: number) => void
  check: () => void
}

/** See `Archives.digest`. */
export async function digestTree(path: string, host: DigestHost): Promise<string> {
  const trees = new TreeDigests(1)
  const buffer = Buffer.allocUnsafeSlow(512 * 1024)
  let [files, bytes] = [0, 0]
  const other = (entry: BackupEntry) => {
    trees.add(entry)
    return undefined
  }
  const file = (fd: number, entry: BackupEntry, stat: Stat) => {
    const shown = () => toText(entry.path)
    entry.digest = digestFile(fd, stat, buffer, shown, read => {
      host.check()
      bytes += read
      host.progress(files, bytes)
    })
    files++
    return other(entry)
  }
  await scan(path, 0, { other, file }, host.check)
  return trees.finish()[0]!
}
