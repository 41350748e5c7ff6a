import { BerthError } from '#lib/errors.ts'
import type { JsonMessage } from '#wire/index.ts'

/**
 * Runs a progress stream to its end, handing on each line.
 * @throws the failure that the stream reports
 */
export async function finish(
  lines: AsyncIterable<JsonMessage>,
  onLine: (line: JsonMessage) => void = () => {},
): Promise<void> {
  for await (const line of lines) {
    if (line.error !== undefined) {
      const code = line.errorDetail?.code
      throw new BerthError(code === 401 ? 'unauthenticated' : 'system', line.errorDetail?.message ?? line.error)
    }
    onLine(line)
  }
}
