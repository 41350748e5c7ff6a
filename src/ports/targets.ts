import type { Readable } from 'node:stream'

/** Something that lies in a backup place. */
export interface TargetObject {
  /** Below the place's URL, without a leading slash. */
  name: string
  /** Bytes. */
  size: number
  /** Milliseconds since the epoch. */
  modified: number
}

export interface PutOptions {
  /** Bytes that the place has taken for good. */
  onProgress?: (bytes: number) => void
  /**
   * Token of an earlier attempt of this very content: what is there of it already is not sent again, where the place can
   * tell (S3 compares parts, ssh the partial file's digest). Handed out through `onToken` as soon as there is one.
   */
  resume?: string
  onToken?: (token: string) => void
  signal?: AbortSignal
}

/**
 * A place for backups: a directory of this host, `ssh://user@host/path`, `s3://bucket/prefix`. An object has its name only
 * when it is whole. Errors name the place and what is wrong with it (credentials, bucket, host, space).
 */
export interface BackupTarget {
  readonly url: string
  put(name: string, content: Readable, options?: PutOptions): Promise<{ bytes: number }>
  /** From `offset`; a broken connection is taken up again where it broke. @throws not-found */
  open(name: string, offset?: number): Promise<Readable>
  /** undefined when there is none. */
  stat(name: string): Promise<TargetObject | undefined>
  /** Whole ones only, by name. */
  list(prefix?: string): Promise<TargetObject[]>
  /** Already gone is success. */
  remove(name: string): Promise<void>
  close(): Promise<void>
}

/** `AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`, `BERTH_SSH`, … as programs for these places know them. */
export type TargetEnvironment = Readonly<Record<string, string | undefined>>

export interface Targets {
  /** Looks at the URL alone; the place is asked by the verbs. @throws invalid */
  open(url: string, environment: TargetEnvironment): Promise<BackupTarget>
}
