import { readFile } from 'node:fs/promises'
import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3'
import { invalid, system } from '#lib/errors.ts'
import type { TargetEnvironment } from '#ports/targets.ts'
import { s3Error, type Where } from './words.ts'

type Library = typeof import('@aws-sdk/client-s3')

/** Milliseconds. */
const CONNECT_TIMEOUT = 10_000
/** Milliseconds that a connection may be silent: putting the parts of a large object together takes long. */
const SILENCE = 120_000
const MAX_SOCKETS = 32

/** One bucket, and the way to it. Everything that goes wrong comes in our words. */
export class Connection {
  readonly bucket: string
  /** For people. */
  readonly endpoint: string
  readonly #environment: TargetEnvironment
  #opened: Promise<{ client: S3Client; library: Library }> | undefined

  constructor(bucket: string, environment: TargetEnvironment) {
    this.bucket = bucket
    this.#environment = environment
    this.endpoint = endpointOf(environment) ?? 'AWS'
  }

  /**
   * The library is loaded with the first request: it takes a quarter of a second.
   *
   * @param key that it is about, for errors
   */
  async request<T>(
    key: string,
    ask: (client: S3Client, library: Library, bucket: { Bucket: string }) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    try {
      const { client, library } = await (this.#opened ??= open(this.#environment))
      return await ask(client, library, { Bucket: this.bucket })
    } catch (error) {
      signal?.throwIfAborted()
      throw s3Error(error, this.where(key))
    }
  }

  where(key: string): Where {
    return { bucket: this.bucket, url: `s3://${this.bucket}/${key}`, endpoint: this.endpoint }
  }

  async close(): Promise<void> {
    const opened = await this.#opened?.catch(() => undefined)
    opened?.client.destroy()
  }
}

const endpointOf = (environment: TargetEnvironment) =>
  environment['AWS_ENDPOINT_URL_S3'] || environment['AWS_ENDPOINT_URL'] || undefined

async function open(environment: TargetEnvironment): Promise<{ client: S3Client; library: Library }> {
  const library = await import('@aws-sdk/client-s3')
  return { client: new library.S3Client(await configuration(environment)), library }
}

/** As the AWS command line reads it. What it does not say, the library looks for in the user's files. */
async function configuration(environment: TargetEnvironment): Promise<S3ClientConfig> {
  const endpoint = endpointOf(environment)
  if (endpoint !== undefined && !/^https?:\/\/[^/]/.test(endpoint)) {
    throw invalid(`invalid AWS_ENDPOINT_URL ${JSON.stringify(endpoint)}: use http://host:port or https://host`)
  }
  const accessKeyId = environment['AWS_ACCESS_KEY_ID']
  const secretAccessKey = environment['AWS_SECRET_ACCESS_KEY']
  const sessionToken = environment['AWS_SESSION_TOKEN'] || undefined
  const profile = environment['AWS_PROFILE'] || undefined
  const region = environment['AWS_REGION'] || environment['AWS_DEFAULT_REGION'] || undefined
  const bundle = environment['AWS_CA_BUNDLE'] || undefined
  const ca = bundle === undefined ? undefined : await readBundle(bundle)
  const agent = { keepAlive: true, maxSockets: MAX_SOCKETS }
  return {
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
    ...(accessKeyId && secretAccessKey
      ? { credentials: { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) } }
      : profile !== undefined && { profile }),
    // Servers of one's own have no regions; for AWS a wrong one is put right by following it.
    ...(region !== undefined
      ? { region }
      : endpoint !== undefined || profile === undefined
        ? { region: 'us-east-1' }
        : {}),
    followRegionRedirects: true,
    // Within a second; for longer we ask again ourselves, telling so.
    maxAttempts: 3,
    // MD5 is what every server checks; the newer kinds make some refuse.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT,
      socketTimeout: SILENCE,
      httpAgent: agent,
      httpsAgent: { ...agent, ...(ca !== undefined && { ca }) },
      socketAcquisitionWarningTimeout: SILENCE,
    },
    logger: SILENT,
  }
}

async function readBundle(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw system(`cannot read the certificates of AWS_CA_BUNDLE: ${path}`, { cause })
  }
}

const nothing = () => {}
const SILENT = { debug: nothing, info: nothing, warn: nothing, error: nothing }
