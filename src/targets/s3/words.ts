import { BerthError, forbidden, invalid, messageOf, notFound, system, unavailable } from '#lib/errors.ts'

interface Facts {
  name?: string
  Code?: string
  code?: string
  message?: string
  $metadata?: { httpStatusCode?: number }
  $fault?: string
}

/** Errors of connections, by errno or the library's names. */
const CONNECTION: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was closed',
  ETIMEDOUT: 'it does not answer',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'the network is unreachable',
  ENOTFOUND: 'unknown host',
  EAI_AGAIN: 'its name cannot be looked up now',
  ERR_STREAM_PREMATURE_CLOSE: 'the connection was closed',
  HPE_INVALID_CONSTANT: 'it does not speak HTTP',
  TimeoutError: 'it does not answer',
}

const BUSY = new Set([
  'SlowDown',
  'ServiceUnavailable',
  'InternalError',
  'RequestTimeout',
  'OperationAborted',
  'Throttling',
])

export interface Where {
  bucket: string
  /** `s3://bucket/key` */
  url: string
  /** For people: `https://host`, or `AWS`. */
  endpoint: string
}

/** What is wrong, in words that say what to do; never the library's own. */
export function s3Error(error: unknown, { bucket, url, endpoint }: Where): unknown {
  if (error instanceof BerthError || isAbort(error)) return error
  const facts = error as Facts
  const name = facts.Code ?? facts.name ?? ''
  const status = facts.$metadata?.httpStatusCode
  const options = { details: { code: name, ...(status !== undefined && { status }) } }
  const login = (what: string) => new BerthError('unauthenticated', `wrong credentials for ${url}: ${what}`, options)
  switch (name) {
    case 'NoSuchBucket':
      return notFound(`there is no bucket ${bucket} at ${endpoint}`, options)
    case 'NoSuchKey':
    case 'NotFound':
      return notFound(`${url}: no such object`, options)
    case 'NoSuchUpload':
      return notFound(`the upload of ${url} is no more: start anew`, options)
    case 'InvalidAccessKeyId':
      return login(`${endpoint} does not know the access key: check AWS_ACCESS_KEY_ID`)
    case 'SignatureDoesNotMatch':
      return login('the secret key does not belong to the access key: check AWS_SECRET_ACCESS_KEY')
    case 'ExpiredToken':
    case 'ExpiredTokenException':
    case 'TokenRefreshRequired':
    case 'InvalidToken':
      return login('the session token is not valid, or no more: get a new AWS_SESSION_TOKEN')
    case 'CredentialsProviderError':
      return new BerthError(
        'unauthenticated',
        `no credentials for ${url}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE`,
        options,
      )
    case 'RequestTimeTooSkewed':
      return system(`${endpoint} refuses requests: the clock of this machine is wrong by more than 15 minutes`, options)
    case 'PermanentRedirect':
    case 'AuthorizationHeaderMalformed':
    case 'IllegalLocationConstraintException':
      return invalid(`bucket ${bucket} is in another region: set AWS_REGION (${messageOf(error)})`, options)
    case 'EntityTooLarge':
      return system(`${url} is too large for ${endpoint}`, options)
    case 'QuotaExceeded':
    case 'XMinioStorageFull':
    case 'InsufficientStorage':
      return system(`no space left at ${endpoint} for ${url}`, options)
    case 'InvalidBucketName':
      return invalid(`invalid bucket name ${bucket}`, options)
    case 'BadDigest':
      return unavailable(`${endpoint} received other bytes than were sent for ${url}`, options)
  }
  const connection = connectionError(error)
  if (connection) return unavailable(`cannot reach ${endpoint}: ${connection}`, options)
  if (isTls(facts)) {
    return system(
      `the certificate of ${endpoint} is not trusted (${messageOf(error)}): name its authority in AWS_CA_BUNDLE`,
      options,
    )
  }
  if (BUSY.has(name) || status === 429 || (status !== undefined && status >= 500)) {
    return unavailable(`${endpoint} cannot serve requests now (${name || status})`, options)
  }
  if (name === 'AccessDenied' || status === 403)
    return forbidden(`access to ${url} is denied to these credentials`, options)
  if (status === 404) return notFound(`${url}: no such object`, options)
  return system(`${endpoint} refuses ${url}: ${facts.message ?? name}`, options)
}

/** The errors of all addresses of a host come together. */
function connectionError(error: unknown): string | undefined {
  for (let one: unknown = error, depth = 0; one instanceof Error && depth < 5; one = one.cause, depth++) {
    const { code = '', name } = one as NodeJS.ErrnoException
    const known = CONNECTION[code] ?? CONNECTION[name]
    if (known) return known
    if (one instanceof AggregateError && one.errors.length > 0) return connectionError(one.errors[0])
    if (/socket hang up|aborted/.test(one.message)) return 'the connection was closed'
  }
  return undefined
}

const isTls = ({ code = '' }: Facts) => /^(ERR_TLS|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/.test(code)

const isAbort = (error: unknown) => error instanceof Error && error.name === 'AbortError'
