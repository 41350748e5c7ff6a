import type { Connection } from './connection.ts'

export interface ListedObject {
  key: string
  /** Bytes. */
  size: number
  /** Milliseconds since the epoch. */
  modified: number
}

/** Objects whose keys begin with the prefix, in the order of their keys (UTF-8), page by page. */
export async function* listObjects(
  connection: Connection,
  Prefix: string,
  signal?: AbortSignal,
): AsyncGenerator<ListedObject> {
  let token: string | undefined
  do {
    const page = await connection.request(
      Prefix,
      (client, { ListObjectsV2Command }, bucket) =>
        client.send(
          new ListObjectsV2Command({ ...bucket, Prefix, ...(token !== undefined && { ContinuationToken: token }) }),
          signal ? { abortSignal: signal } : {},
        ),
      signal,
    )
    for (const { Key, Size, LastModified } of page.Contents ?? []) {
      if (Key !== undefined) yield { key: Key, size: Size ?? 0, modified: LastModified?.getTime() ?? 0 }
    }
    token = page.IsTruncated ? page.NextContinuationToken : undefined
  } while (token !== undefined)
}
