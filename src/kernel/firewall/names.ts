import { BerthError } from '#lib/errors.ts'

/** A table that a script names, with what is done to it. */
export interface NamedTable {
  verb: string
  object: string
  family: string
  name: string
}

const FAMILIES = new Set(['ip', 'ip6', 'inet', 'arp', 'bridge', 'netdev'])
const VERBS = new Set(['add', 'create', 'insert', 'replace', 'delete', 'destroy', 'list', 'flush', 'reset', 'rename'])
const OBJECTS = new Set(
  'table chain rule set map element flowtable counter counters quota quotas limit limits ct meter'.split(' '),
)

/**
 * The tables that an nft script names, in order. Only the forms that Berth's policy writes are read: one command a line
 * (or `;`), `VERB OBJECT FAMILY TABLE ...`, or `table FAMILY TABLE { ... }`. Throws `invalid` for any other
 * command, so that nothing can reach a table of somebody else: no `flush ruleset`, no omitted family.
 */
export function namedTables(script: string): NamedTable[] {
  const found: NamedTable[] = []
  for (const words of topLevelCommands(script)) {
    let at = 0
    const verb = VERBS.has(words[0] ?? '') ? words[at++]! : 'add'
    const object = words[at++] ?? ''
    if (!OBJECTS.has(object)) throw refused(words)
    if (object === 'ct') at++
    const family = words[at++] ?? ''
    const name = words[at] ?? ''
    if (!FAMILIES.has(family) || !/^[A-Za-z][\w./\\-]*$/.test(name)) throw refused(words)
    found.push({ verb, object, family, name })
  }
  return found
}

/** @throws forbidden if the script names a table that is not Berth's */
export function assertOwnTables(script: string): void {
  for (const { family, name } of namedTables(script)) {
    if (!name.startsWith('berth')) {
      throw new BerthError(
        'forbidden',
        `nftables table ${family} ${name} is not one of berth's: its name must begin with "berth"`,
      )
    }
  }
}

function refused(words: string[]): BerthError {
  return new BerthError(
    'invalid',
    `nftables command "${words.slice(0, 4).join(' ')}" does not name a family and a table`,
  )
}

/** The leading words of each command outside braces; text in quotes and comments is skipped. */
function topLevelCommands(script: string): string[][] {
  const commands: string[][] = []
  let words: string[] = []
  let depth = 0
  const end = () => {
    if (words.length > 0) commands.push(words)
    words = []
  }
  for (const [token] of script.matchAll(/#[^\n]*|"[^"\n]*"|[{}\n;]|[^\s{};"]+/g)) {
    if (token.startsWith('#')) continue
    if (token === '{') depth++
    else if (token === '}') depth--
    else if (depth > 0) continue
    else if (token === '\n' || token === ';') end()
    else if (words.length < 8) words.push(token)
    if (depth < 0) throw new BerthError('invalid', 'nftables script has an unmatched brace')
  }
  if (depth !== 0) throw new BerthError('invalid', 'nftables script has an unmatched brace')
  end()
  return commands
}
