import { invalid } from '#lib/errors.ts'
import { z } from 'zod'
import type { AuthConfig, BootstrapRequest } from './images.ts'
import { parse, strings, text } from './schema.ts'

const authSchema = z.object({
  username: text,
  password: text,
  auth: text,
  email: text,
  serveraddress: text,
  identitytoken: text,
  registrytoken: text,
})
const bootstrapSchema = z.object({
  image: text,
  tag: text,
  include: strings,
  cmd: strings,
  entrypoint: strings,
  changes: strings,
  copy: z.array(z.object({ hostPath: z.string(), imagePath: z.string() })).nullish(),
  setup: strings,
})
const platformSchema = z.object({ os: text, architecture: text, variant: text })

/** Body of `POST /auth`. @throws invalid */
export function authRequest(body: unknown): AuthConfig {
  return present(parse(authSchema, body ?? {}))
}

/** `X-Registry-Auth`: base64url (or base64) of JSON; undefined when empty. @throws invalid */
export function registryAuth(header: string | undefined): AuthConfig | undefined {
  if (!header) return undefined
  let document: unknown
  try {
    document = JSON.parse(Buffer.from(header, 'base64url').toString('utf8'))
  } catch (cause) {
    throw invalid('invalid X-Registry-Auth header: must be base64url of a JSON object', { cause })
  }
  const auth = authRequest(document)
  if (auth.auth && !auth.username) {
    const [username = '', ...password] = Buffer.from(auth.auth, 'base64').toString('utf8').split(':')
    return { ...auth, username, password: password.join(':') }
  }
  return Object.values(auth).every(value => value === '') ? undefined : auth
}

/** Body of `POST /berth/images/bootstrap`. @throws invalid */
export function bootstrapRequest(body: unknown): BootstrapRequest {
  const parsed = present(parse(bootstrapSchema, body ?? {}))
  if (!parsed.image) throw invalid('no image given: set image to debian:bookworm or the like')
  for (const { hostPath, imagePath } of parsed.copy ?? []) {
    if (!hostPath.startsWith('/') || !imagePath.startsWith('/')) {
      throw invalid(`copy: ${hostPath} and ${imagePath} must be absolute paths`)
    }
  }
  return { ...parsed, image: parsed.image }
}

export interface PlatformRequest {
  os: string
  architecture: string
  variant?: string
}

/** `linux/amd64[/v8]`, `amd64`, or JSON of it; '' is undefined. @throws invalid in Docker's words */
export function platformRequest(value: string): PlatformRequest | undefined {
  if (value === '') return undefined
  if (value.startsWith('{')) {
    try {
      const { os, architecture, variant } = parse(platformSchema, JSON.parse(value))
      return platform(os ?? '', architecture ?? '', variant ?? '', value)
    } catch (cause) {
      throw invalid(`invalid platform ${value}`, { cause })
    }
  }
  const parts = value.split('/')
  if (parts.length > 3 || parts.some(part => !/^[A-Za-z0-9_.-]+$/.test(part))) {
    throw invalid(`${JSON.stringify(value)} is an invalid OS/architecture specifier: write linux/amd64`)
  }
  if (parts.length === 1) return parts[0] === 'linux' ? undefined : platform('linux', parts[0]!, '', value)
  return platform(parts[0]!, parts[1]!, parts[2] ?? '', value)
}

const ARCHITECTURES: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  'x86-64': 'amd64',
  aarch64: 'arm64',
  i386: '386',
  i686: '386',
  armhf: 'arm',
}

function platform(os: string, architecture: string, variant: string, value: string): PlatformRequest {
  const cpu = architecture.toLowerCase()
  if (os === '' || cpu === '') throw invalid(`invalid platform ${value}: write linux/amd64`)
  return { os: os.toLowerCase(), architecture: ARCHITECTURES[cpu] ?? cpu, ...(variant && { variant }) }
}

function present<T extends object>(value: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item != null)) as {
    [K in keyof T]?: NonNullable<T[K]>
  }
}
