import { messageOf } from '#lib/errors.ts'
import type { Context } from './context.ts'

/**
 * A response of JSON lines (pull, push, load, events). The head goes out with the first line, or at once if asked:
 * an error before it is an ordinary error response, one after it is a last line `{"errorDetail":…,"error":…}`.
 * `push` may be called from a callback that cannot wait; lines queue and `work` is awaited by `run`.
 */
export async function jsonLines(
  context: Context,
  work: (push: (line: unknown) => void) => Promise<void>,
  options: { contentType?: string; atOnce?: boolean } = {},
): Promise<void> {
  const { contentType = 'application/json', atOnce = false } = options
  if (atOnce) context.begin(contentType)
  const push = (line: unknown) => {
    if (context.signal.aborted || context.response.destroyed) return
    if (!context.response.headersSent) context.begin(contentType)
    context.response.write(`${JSON.stringify(line)}\r\n`)
  }
  try {
    await work(push)
  } catch (error) {
    if (!context.response.headersSent) throw error
    const message = messageOf(error)
    push({ errorDetail: { message }, error: message })
  }
  if (!context.response.headersSent) context.begin(contentType)
  context.end()
}
