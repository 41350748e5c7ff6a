import { invalid } from '#lib/errors.ts'
import { formatOf } from '#codec/backup/index.ts'
import { ForeignInput } from './foreign-input.ts'
import { Head } from './head.ts'
import type { Input } from './input.ts'
import { SegmentInput, TarInput } from './own-input.ts'

/** @throws invalid when it is empty, or damaged so early */
export async function openInput(source: AsyncIterator<Buffer>): Promise<Input> {
  const head = new Head(source)
  await head.atLeast(4)
  if (head.bytes.length === 0) throw invalid('archive is empty')
  const format = formatOf(head.bytes)
  const header = await head.header(format)
  const all = head.all()
  if (!header) return new ForeignInput(all, format)
  return format === 'tar' ? new TarInput(all, header) : new SegmentInput(all, header, format)
}
