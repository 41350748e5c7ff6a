import { isKind } from '#lib/errors.ts'
import type { Connection } from './connection.ts'
import { listObjects } from './list.ts'

/** undefined when there is none in a bucket that there is. */
export async function statObject(
  connection: Connection,
  Key: string,
): Promise<{ size: number; modified: number } | undefined> {
  try {
    const head = await connection.request(Key, (client, { HeadObjectCommand }, bucket) =>
      client.send(new HeadObjectCommand({ ...bucket, Key })),
    )
    return { size: head.ContentLength ?? 0, modified: head.LastModified?.getTime() ?? 0 }
  } catch (error) {
    if (!isKind(error, 'not-found') && !isKind(error, 'forbidden')) throw error
    // The answer has no body that would tell a missing object from a missing bucket, or say what is wrong with the keys.
    for await (const one of listObjects(connection, Key)) {
      if (one.key === Key) throw error
      break
    }
    return undefined
  }
}

/** Already gone is success. */
export async function removeObject(connection: Connection, Key: string): Promise<void> {
  try {
    await connection.request(Key, (client, { DeleteObjectCommand }, bucket) =>
      client.send(new DeleteObjectCommand({ ...bucket, Key })),
    )
  } catch (error) {
    const noBucket = (error as { details?: { code?: string } }).details?.code === 'NoSuchBucket'
    if (!isKind(error, 'not-found') || noBucket) throw error
  }
}
