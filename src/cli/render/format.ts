import { CliError } from '../core/command.ts'
import type { Context } from '../core/context.ts'
import { compile } from '../template/index.ts'
import { goJson } from '../template/print.ts'
import { table } from './table.ts'

/**
 * A column: its heading and its text. Rows are objects whose properties are the fields of `--format`; functions take
 * arguments (`{{.Label "x"}}`).
 */
export type Row = Record<string, unknown>

export interface Listing {
  /** Heading by field, for `table {{.Field}}`. */
  headings: Record<string, string>
  /** The template of the default table: fields in order. */
  columns: readonly string[]
  /** What `-q` prints. */
  quiet?: string
  /** Fields that `--format json` shows; all that are no functions unless given. */
  json?: readonly string[]
}

/** Writes rows as `--format` and `-q` want them. */
export function printRows(
  context: Context,
  rows: readonly Row[],
  listing: Listing,
  options: { format: string; quiet?: boolean },
): void {
  context.stdout.write(renderRows(rows, listing, { ...options, columns: context.columns }))
}

export function renderRows(
  rows: readonly Row[],
  listing: Listing,
  options: { format: string; quiet?: boolean; columns?: number },
): string {
  const { format, quiet } = options
  if (quiet && listing.quiet && (format === '' || format === 'table')) {
    return rows.map(row => `${String(row[listing.quiet!])}\n`).join('')
  }
  if (format === 'json' || format === '{{json .}}' || format === '{{ json . }}') {
    return rows.map(row => `${escapeHtml(goJson(jsonRow(row, listing)))}\n`).join('')
  }
  const isTable = format === '' || format === 'table' || /^table\s/.test(format)
  if (!isTable) {
    const template = compileFormat(format)
    // A wrong field is wrong without rows too.
    if (rows.length === 0) template(headingRow(listing))
    return rows.map(row => `${template(row)}\n`).join('')
  }
  const custom = format.replace(/^table\s*/, '')
  if (custom === '') {
    const cells = rows.map(row => listing.columns.map(column => String(row[column] ?? '')))
    return table(
      [listing.columns.map(column => listing.headings[column] ?? column.toUpperCase()), ...cells],
      options.columns,
    )
  }
  const template = compileFormat(custom)
  const lines = [headingRow(listing), ...rows].map(row => template(row).split('\t'))
  return table(lines, options.columns)
}

/** Go's replacer for formats typed in a shell: `\t` and `\n` are what they look like. */
function compileFormat(format: string): (row: Row) => string {
  const source = format.replaceAll('\\t', '\t').replaceAll('\\n', '\n')
  let template: (row: Row) => string
  try {
    template = compile(source)
  } catch (error) {
    throw new CliError((error as Error).message.replace(/^template parsing error/, 'failed to parse template'))
  }
  return row => {
    try {
      return template(row)
    } catch (error) {
      throw new CliError(`failed to execute template: ${(error as Error).message}`)
    }
  }
}

/** `{{.Label "a.b.c"}}` is headed `c`, as Docker does. */
function headingRow(listing: Listing): Row {
  const row: Row = { ...listing.headings }
  row['Label'] = (name: unknown) => String(name).split('.').at(-1)
  return row
}

/** As Go's encoder does by itself. */
function escapeHtml(json: string): string {
  return json.replace(/[<>&]/g, char => `\\u00${char.charCodeAt(0).toString(16)}`)
}

function jsonRow(row: Row, listing: Listing): Row {
  const keys = listing.json ?? Object.keys(row).filter(key => typeof row[key] !== 'function')
  return Object.fromEntries(keys.toSorted().map(key => [key, row[key]]))
}

/** Whole documents for `inspect`: indented JSON, or one line a document by a template. */
export function printDocuments(context: Context, documents: readonly unknown[], format: string): void {
  if (format === '') {
    context.print(documents.length === 0 ? '[]' : JSON.stringify(documents, null, 4))
    return
  }
  const template = format === 'json' ? goJson : compileDocument(format)
  if (documents.length === 0) context.print('')
  for (const document of documents) context.print(template(document))
}

export function compileDocument(format: string): (document: unknown) => string {
  let template: (document: unknown) => string
  try {
    template = compile(format)
  } catch (error) {
    throw new CliError((error as Error).message, 64)
  }
  return document => {
    try {
      return template(document)
    } catch (error) {
      throw new CliError(`template parsing error: ${(error as Error).message}`)
    }
  }
}
