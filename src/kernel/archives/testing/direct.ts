import { randomBytes } from 'node:crypto'
import { decodeTrailer, TRAILER_SIZE, unwrapIndex } from '#codec/backup/index.ts'
import type { BackupFormat, BackupHeader, BackupSummary } from '#model/backup.ts'
import { pack } from '../pack.ts'
import { unpack } from '../unpack.ts'

export function header(names: string[] = ['v'], base?: string): BackupHeader {
  return {
    version: 1,
    id: randomBytes(16).toString('hex'),
    createdAt: '2026-01-02T03:04:05Z',
    volumes: names.map(name => ({ name, driver: 'local', labels: {}, options: {}, consistency: 'live' })),
    ...(base === undefined ? {} : { base: { id: base } }),
  }
}

/** What the worker does, in this thread and in memory. */
export async function packed(
  paths: string[],
  format: BackupFormat,
  options: { header?: BackupHeader; base?: Buffer } = {},
): Promise<{ bytes: Buffer; summary: BackupSummary }> {
  const parts: Buffer[] = []
  const names = paths.map((_, i) => `v${i}`)
  const job = { kind: 'pack', header: options.header ?? header(names), paths, format, base: options.base } as const
  const summary = await pack(job, {
    post: bytes => void parts.push(Buffer.from(bytes)) as undefined,
    progress: () => {},
    check: () => {},
  })
  return { bytes: Buffer.concat(parts), summary }
}

/** @param step bytes that come at once */
export function unpacked(
  bytes: Buffer,
  places: (string | undefined)[],
  options: { foreign?: 'accept' | 'refuse'; step?: number } = {},
): Promise<BackupSummary> {
  async function* source() {
    const step = options.step ?? Math.max(1, bytes.length)
    for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step)
  }
  const job = { kind: 'unpack', foreign: options.foreign ?? 'refuse', durable: false } as const
  return unpack(job, { source: source(), place: async () => places, progress: () => {}, check: () => {} })
}

/** What an incremental archive is based on. */
export function indexOf(archive: Buffer): Buffer {
  const { format, indexOffset, indexLength } = decodeTrailer(archive.subarray(-TRAILER_SIZE))!
  return unwrapIndex(format, archive.subarray(indexOffset, indexOffset + indexLength))
}
