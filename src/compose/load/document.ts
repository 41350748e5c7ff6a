import { readFile } from 'node:fs/promises'
import { LineCounter, parseDocument, type Document, type ScalarTag } from 'yaml'
import { BerthError, invalid } from '#lib/errors.ts'
import { dotted, isMap } from './fields.ts'
import { interpolateTree, type Lookup } from './interpolate.ts'

/** `mode: 0440`, which YAML 1.2 would read as decimal, is octal in Compose files as it was in YAML 1.1. */
const octal: ScalarTag = {
  identify: () => false,
  default: true,
  tag: 'tag:yaml.org,2002:int',
  test: /^0[0-7]+$/,
  resolve: text => Number.parseInt(text, 8),
}

type Parts = (string | number)[]

/** One Compose file as plain data, variables replaced, with the way back from a path to its line. */
export interface ComposeDocument {
  file: string
  data: Record<string, unknown>
  /** Puts `file:line:column:` before an error whose details carry a path of this document. */
  locate(error: unknown): Error
}

/** @throws invalid with file, line and column */
export async function readDocument(
  file: string,
  lookup: Lookup,
  onUnset: (name: string) => void,
  stdin?: () => Promise<string>,
): Promise<ComposeDocument> {
  let text: string
  try {
    text = file === '-' && stdin ? await stdin() : await readFile(file, 'utf8')
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    throw invalid(code === 'ENOENT' ? `open ${file}: no such file or directory` : `cannot read ${file}`, { cause })
  }
  const lines = new LineCounter()
  const document = parseDocument(text, {
    merge: true,
    lineCounter: lines,
    prettyErrors: true,
    uniqueKeys: true,
    customTags: tags => [octal, ...tags],
  })
  const [problem] = document.errors
  if (problem) {
    const at = lines.linePos(problem.pos[0])
    throw invalid(`${file}:${at.line}:${at.col}: ${problem.message.split('\n')[0]!.replace(/ at line \d.*$/, '')}`)
  }
  const place = (path: Parts) => {
    const at = position(document, lines, path)
    return `${file}${at ? `:${at.line}:${at.col}` : ''}`
  }
  const raw: unknown = document.toJS({ maxAliasCount: 1000 })
  if (raw === null) throw invalid(`${file} is empty`)
  if (!isMap(raw)) throw invalid(`${file}: the top level must be a mapping`)
  const describe = (path: Parts) => `${place(path)}: ${dotted(path)}`
  return {
    file,
    data: interpolateTree(raw, lookup, onUnset, [], describe) as Record<string, unknown>,
    locate(error) {
      if (!(error instanceof BerthError) || !Array.isArray(error.details['path'])) return error as Error
      return invalid(`${place(error.details['path'] as Parts)}: ${error.message}`, { cause: error.cause })
    },
  }
}

/** Line and column of the deepest node that exists on the way to `path`. */
function position(document: Document, lines: LineCounter, path: Parts): { line: number; col: number } | undefined {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true) as { range?: [number, number, number] } | undefined
    if (node?.range) return lines.linePos(node.range[0])
  }
  return undefined
}
