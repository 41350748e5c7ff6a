import type { Readable, Transform } from 'node:stream'

/** Something that lies in a backup place. */
export interface TargetObject {
  /** Below the place's URL, without a leading slash. */
  name: string
  /** Bytes. */
  size: number
  /** Milliseconds since the epoch. */
  modified: number
}

interface Patience {
  /**
   * The place does not answer and is asked again: what is wrong and when it goes on, for people. Also told once when it
   * goes on, with the empty text.
   */
  onWait?: (reason: string) => void
  signal?: AbortSignal
}

export interface PutOptions extends Patience {
  /** Bytes that the place has taken for good. */
  onProgress?: (bytes: number) => void
  /**
   * Token of an earlier attempt of this very content: what is there of it already is not sent again, where the place can
   * tell (S3 compares parts, ssh the partial file's digest). Handed out through `onToken` as soon as there is one. Bytes that
   * turn out to be others are sent anew. With `onToken`, what a failed attempt left stays for the next one.
   */
  resume?: string
  onToken?: (token: string) => void
}

/**
 * A place for backups: a directory of this host, `ssh://user@host/path`, `s3://bucket/prefix`. An object has its name only
 * when it is whole. Errors name the place and what is wrong with it (credentials, bucket, host, space).
 */
export interface BackupTarget {
  /** Ends with a slash; an object's URL is this and its name. Without credentials. */
  readonly url: string
  /** Replaces one of the name. When `content` fails, nothing of the name appears, and its error is thrown. */
  put(name: string, content: Readable, options?: PutOptions): Promise<{ bytes: number }>
  /** From `offset`; a broken connection is taken up again where it broke. @throws not-found */
  open(name: string, offset?: number, options?: Patience): Promise<Readable>
  /** undefined when there is none. */
  stat(name: string): Promise<TargetObject | undefined>
  /** Whole ones only, by name. */
  list(prefix?: string): Promise<TargetObject[]>
  /** Already gone is success. */
  remove(name: string): Promise<void>
  close(): Promise<void>
}

/** Objects one by one, as files are kept in a bucket; any text is a name. */
export interface ObjectPlace {
  /** With a slash at its end, or a bucket. */
  readonly url: string
  /** In the order of their names' bytes, if the server keeps to it. */
  list(signal?: AbortSignal): AsyncIterable<TargetObject>
  stat(name: string): Promise<TargetObject | undefined>
  put(
    name: string,
    content: Readable,
    options: Patience & { metadata: Record<string, string> },
  ): Promise<{ bytes: number }>
  /** @throws not-found */
  open(
    name: string,
    options?: Patience,
  ): Promise<{ content: Readable; size: number; modified: number; metadata: Record<string, string> }>
  /** Already gone is success. */
  remove(name: string): Promise<void>
  close(): Promise<void>
}

/** `AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`, `BERTH_SSH`, … as programs for these places know them. */
export type TargetEnvironment = Readonly<Record<string, string | undefined>>

/** Who can read what is encrypted: either those with an age key (`age1…`), or who knows the passphrase. */
export type EncryptionKeys = { recipients: readonly string[] } | { passphrase: string }

/** What opens it: age identities (`AGE-SECRET-KEY-1…`), a passphrase. */
export interface DecryptionKeys {
  identities?: readonly string[]
  passphrase?: string
}

export interface Targets {
  /** Looks at the URL alone; the place is asked by the verbs. @throws invalid */
  open(url: string, environment: TargetEnvironment): Promise<BackupTarget>
  /** @throws invalid for what is no `s3://bucket/prefix` */
  objects(url: string, environment: TargetEnvironment): Promise<ObjectPlace>
  /** Bytes in, an age file out. The same bytes give another file each time. @throws invalid naming a wrong recipient */
  encrypting(keys: EncryptionKeys): Promise<Transform>
  /**
   * An age file in, bytes out. Fails (invalid) when none of the keys fits, when any byte is not as it was written, and when
   * the end is missing; what came out until then is true as far as it goes. @throws invalid for what is no identity
   */
  decrypting(keys: DecryptionKeys): Promise<Transform>
}
