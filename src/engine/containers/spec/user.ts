import { invalid } from '#lib/errors.ts'

export interface ResolvedUser {
  uid: number
  gid: number
  additionalGids: number[]
  home: string
}

interface Passwd {
  name: string
  uid: number
  gid: number
  home: string
}
interface Group {
  name: string
  gid: number
  members: string[]
}

const MAX_ID = 2 ** 31 - 1

/**
 * Who `user` (`name`, `uid`, `name:group`, `uid:gid`) is, by the container's own passwd(5) and group(5).
 * @throws invalid in Docker's words
 */
export function resolveUser(user: string, passwdText: string, groupText: string, groupAdd: string[]): ResolvedUser {
  const passwd = parsePasswd(passwdText)
  const groups = parseGroups(groupText)
  const [wantedUser = '', wantedGroup = ''] = user.split(':', 2)
  const who = wantedUser === '' ? '0' : wantedUser
  const entry = passwd.find(row => row.name === who) ?? passwd.find(row => String(row.uid) === who)
  const uid = entry?.uid ?? numeric(who)
  if (uid === undefined) throw invalid(`unable to find user ${who}: no matching entries in passwd file`)
  let gid = entry?.gid ?? 0
  let additional: number[] = []
  if (wantedGroup !== '') {
    const found = groupId(wantedGroup, groups)
    if (found === undefined) throw invalid(`unable to find group ${wantedGroup}: no matching entries in group file`)
    gid = found
  } else if (entry) {
    additional = groups.filter(group => group.members.includes(entry.name)).map(group => group.gid)
  }
  for (const name of groupAdd) {
    const found = groupId(name, groups)
    if (found === undefined) throw invalid(`Unable to find group ${name}: no matching entries in group file`)
    additional.push(found)
  }
  return {
    uid,
    gid,
    // The primary group too: else a setgid program could drop it, and with it what is denied to it (CVE-2022-36109).
    additionalGids: Array.from(new Set([gid, ...additional])),
    home: entry?.home || '/',
  }
}

function groupId(name: string, groups: Group[]): number | undefined {
  return groups.find(group => group.name === name)?.gid ?? numeric(name)
}

function numeric(text: string): number | undefined {
  if (!/^-?\d+$/.test(text)) return undefined
  const number = Number(text)
  if (number < 0 || number > MAX_ID) throw invalid(`uids and gids must be in range 0-${MAX_ID}`)
  return number
}

function rows(text: string): string[][] {
  return text
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line => line.split(':'))
}

function parsePasswd(text: string): Passwd[] {
  return rows(text)
    .filter(row => row.length >= 4 && /^\d+$/.test(row[2] ?? ''))
    .map(row => ({ name: row[0] ?? '', uid: Number(row[2]), gid: Number(row[3]) || 0, home: row[5] ?? '' }))
}

function parseGroups(text: string): Group[] {
  return rows(text)
    .filter(row => row.length >= 3 && /^\d+$/.test(row[2] ?? ''))
    .map(row => ({ name: row[0] ?? '', gid: Number(row[2]), members: (row[3] ?? '').split(',').filter(Boolean) }))
}
