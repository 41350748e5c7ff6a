import type { Readable } from 'node:stream'
import { TarReader } from '#codec/tar/index.ts'
import { BerthError, invalid, messageOf } from '#lib/errors.ts'
import { hasErrno } from '../ffi/errno.ts'
import { decompressed } from './decompress.ts'
import { Extractor } from './extractor.ts'
import type { ExtractRules } from './extractor.ts'
import { Root } from './root.ts'
import { Slice } from './slices.ts'

/** Bytes parsed between looks at the clock: as many small files as take about a millisecond. */
const STEP = 32 * 1024
/** The same within a large file, where nothing but bytes can come. */
const LARGE_STEP = 256 * 1024

/**
 * Unpacks an archive (plain or compressed) below `root`, which is closed at the end.
 *
 * @param onBytes gets each piece of the uncompressed stream, also what follows the archive's end
 * @throws invalid when it is no (whole) archive
 */
export async function unpack(
  root: Root,
  archive: Readable,
  rules: ExtractRules,
  onBytes?: (piece: Buffer) => void,
): Promise<void> {
  const extractor = new Extractor(root, rules)
  const reader = new TarReader(extractor)
  const slice = new Slice()
  try {
    for await (const chunk of await decompressed(archive)) {
      for (let rest = chunk as Buffer; rest.length > 0;) {
        const piece = rest.subarray(0, extractor.inLargeFile ? LARGE_STEP : STEP)
        rest = rest.subarray(piece.length)
        onBytes?.(piece)
        reader.push(piece)
        await extractor.drain()
        await slice.pause()
      }
    }
    reader.finish()
    extractor.finish()
  } catch (error) {
    extractor.abort()
    throw damaged(error)
  } finally {
    root.close()
    archive.destroy()
  }
}

/** Errors that only what the archive itself says can lead to. */
const FAULTS_OF_ARCHIVE = ['ENAMETOOLONG', 'ENOENT', 'ENOTDIR', 'EEXIST', 'ELOOP', 'EXDEV', 'EMLINK'] as const

/** What zlib says of bad input, and the kernel of impossible names and links, is the archive's fault, not the host's. */
function damaged(error: unknown): unknown {
  if (hasErrno(error, ...FAULTS_OF_ARCHIVE)) {
    const words = hasErrno(error, 'ENAMETOOLONG') ? 'a name in it is too long' : messageOf(error)
    return invalid(`archive cannot be unpacked: ${words}`)
  }
  if (error instanceof BerthError || !(error instanceof Error) || !('code' in error)) return error
  if (!/^(Z_|ZSTD_|ERR_ZLIB)/.test(String(error.code))) return error
  return invalid(`archive is damaged: ${messageOf(error)}`, { cause: error })
}
