import type { Readable } from 'node:stream'

/**
 * Content that ends with the signal's reason, also while it is waited for.
 * @returns to be called in the end
 */
export function endWith(content: Readable, signal: AbortSignal | undefined): () => void {
  // The put tells of it; before it reads, nobody listens to the content itself.
  content.on('error', () => {})
  const end = () => content.destroy(reasonOf(signal!))
  if (signal?.aborted) end()
  else signal?.addEventListener('abort', end, { once: true })
  return () => signal?.removeEventListener('abort', end)
}

const reasonOf = ({ reason }: AbortSignal) => (reason instanceof Error ? reason : new Error(String(reason)))
