import type { SyncFilter } from '#model/sync.ts'

/** Whether a path is to be looked at at all; on both sides, so that what is left out is not deleted either. */
export function pathFilter(filters: readonly SyncFilter[]): (path: string) => boolean {
  const rules = filters.map(({ take, pattern }) => ({ take, expression: expressionOf(pattern) }))
  return path => {
    let taken = true
    for (const { take, expression } of rules) if (expression.test(path)) taken = take
    return taken
  }
}

/** As Python's fnmatch, which the AWS command line uses: `*` also matches slashes, and the pattern the whole path. */
function expressionOf(pattern: string): RegExp {
  let source = ''
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at]!
    if (character === '*') source += '.*'
    else if (character === '?') source += '.'
    else if (character === '[') {
      const set = /^\[(!?)(\]?[^\]]*)\]/.exec(pattern.slice(at))
      if (!set) source += '\\['
      else {
        source += `[${set[1] ? '^' : ''}${set[2]!.replace(/[\\\]^]/g, '\\$&')}]`
        at += set[0].length - 1
      }
    } else source += character.replace(/[\\^$.|+(){}\]/-]/g, '\\$&')
  }
  return new RegExp(`^${source}$`, 's')
}
