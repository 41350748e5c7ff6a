import { BerthError } from '#lib/errors.ts'
import type { TargetEnvironment } from '#ports/targets.ts'

const PASSED_ON = ['AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_S3', 'AWS_REGION', 'AWS_DEFAULT_REGION']

/**
 * What somebody else (the daemon) needs to reach S3 as this user does: the user's keys, also those of a profile or an instance,
 * which are looked up here.
 *
 * @throws unauthenticated when there are none
 */
export async function awsEnvironment(environment: TargetEnvironment): Promise<Record<string, string>> {
  const passed: Record<string, string> = {}
  for (const name of PASSED_ON) if (environment[name]) passed[name] = environment[name]
  const [id, secret] = [environment['AWS_ACCESS_KEY_ID'], environment['AWS_SECRET_ACCESS_KEY']]
  const token = environment['AWS_SESSION_TOKEN']
  if (id && secret) return { ...passed, ...keys(id, secret, token) }
  const { S3Client } = await import('@aws-sdk/client-s3')
  const profile = environment['AWS_PROFILE'] || undefined
  const client = new S3Client(profile === undefined ? {} : { profile })
  try {
    const found = await client.config.credentials()
    const region = await client.config.region().catch(() => undefined)
    return {
      ...(region !== undefined && { AWS_REGION: region }),
      ...passed,
      ...keys(found.accessKeyId, found.secretAccessKey, found.sessionToken),
    }
  } catch (cause) {
    throw new BerthError(
      'unauthenticated',
      'no credentials for S3: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE',
      { cause },
    )
  } finally {
    client.destroy()
  }
}

const keys = (id: string, secret: string, token: string | undefined) => ({
  AWS_ACCESS_KEY_ID: id,
  AWS_SECRET_ACCESS_KEY: secret,
  ...(token && { AWS_SESSION_TOKEN: token }),
})
