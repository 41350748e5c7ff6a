import { invalid } from '#lib/errors.ts'
import type { CsiCapability } from '#ports/csi.ts'
import { parseBytes } from '../local/bytes.ts'

type Texts = Record<string, string>

/** Options of a volume of a CSI driver, understood. What is not ours is the driver's. */
export interface CsiOptions {
  /** One that exists already, instead of a new one. */
  volumeId: string | undefined
  /** A snapshot that the new one begins with. */
  snapshotId: string | undefined
  /** Bytes. */
  size: number | undefined
  capability: CsiCapability
  readonly: boolean
  /** On the daemon's host: a JSON object, or lines `KEY=value`. */
  secretFile: string | undefined
  /** What the driver gets: as parameters of a new volume, as the context of one that exists. */
  own: Texts
}

/** Long and, as Kubernetes has them, short. */
const ACCESS: Readonly<Record<string, string>> = {
  'single-node-writer': 'SINGLE_NODE_WRITER',
  'single-node-reader-only': 'SINGLE_NODE_READER_ONLY',
  'single-node-single-writer': 'SINGLE_NODE_SINGLE_WRITER',
  'single-node-multi-writer': 'SINGLE_NODE_MULTI_WRITER',
  'multi-node-reader-only': 'MULTI_NODE_READER_ONLY',
  'multi-node-single-writer': 'MULTI_NODE_SINGLE_WRITER',
  'multi-node-multi-writer': 'MULTI_NODE_MULTI_WRITER',
  rwo: 'SINGLE_NODE_WRITER',
  rwop: 'SINGLE_NODE_SINGLE_WRITER',
  rox: 'MULTI_NODE_READER_ONLY',
  rwx: 'MULTI_NODE_MULTI_WRITER',
}

/** @throws invalid naming the option */
export function parseCsiOptions(options: Readonly<Texts>): CsiOptions {
  const { size, fstype, o, access, 'volume-id': volumeId, 'snapshot-id': snapshotId, ...rest } = options
  const { 'secret-file': secretFile, ...own } = rest
  const mode = ACCESS[(access ?? 'single-node-writer').toLowerCase()]
  if (!mode) throw invalid(`invalid option: access=${access} is none of ${Object.keys(ACCESS).join(', ')}`)
  if (volumeId === '') throw invalid('invalid option: volume-id is empty')
  if (volumeId !== undefined && snapshotId !== undefined)
    throw invalid('invalid option: snapshot-id is for new volumes, volume-id for one that exists')
  if (secretFile !== undefined && !secretFile.startsWith('/'))
    throw invalid(`invalid option: secret-file=${secretFile} is no absolute path`)
  const flags = (o ?? '').split(',').filter(word => word !== '')
  return {
    volumeId,
    snapshotId,
    size: size === undefined ? undefined : parseBytes('size', size),
    capability: { mount: { fs_type: fstype ?? '', mount_flags: flags }, access_mode: { mode } },
    readonly: mode.endsWith('READER_ONLY') || flags.includes('ro'),
    secretFile,
    own,
  }
}

/** @throws invalid naming the file */
export function parseSecrets(file: string, text: string): Texts {
  if (text.trimStart().startsWith('{')) {
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch {
      throw invalid(`secret-file ${file} is no JSON`)
    }
    const entries = Object.entries(value as object)
    if (entries.every((entry): entry is [string, string] => typeof entry[1] === 'string'))
      return Object.fromEntries(entries)
    throw invalid(`secret-file ${file} has a value that is no text`)
  }
  const secrets: Texts = {}
  text.split('\n').forEach((line, index) => {
    if (line.trim() === '' || line.trimStart().startsWith('#')) return
    const at = line.indexOf('=')
    if (at < 1) throw invalid(`secret-file ${file}: line ${index + 1} is not KEY=value`)
    secrets[line.slice(0, at).trim()] = line.slice(at + 1).replace(/\r$/, '')
  })
  return secrets
}
