import { it } from 'node:test'

/** Tests that each have an adapter of their own, closed whatever happens. */
export function eachAnew<T extends { close(): Promise<void> }>(
  make: () => Promise<T>,
): (title: string, body: (t: T) => Promise<void>) => void {
  return (title, body) => {
    void it(title, async () => {
      const t = await make()
      try {
        await body(t)
      } finally {
        await t.close()
      }
    })
  }
}
