import { invalid } from '#lib/errors.ts'

/**
 * Go's path.Match: `*` and `?` stop at `/`, `[a-z]` and `[^a-z]` are classes, a backslash quotes.
 * @throws invalid for a pattern that ends early
 */
export function globMatches(pattern: string, text: string): boolean {
  return globToRegExp(pattern).test(text)
}

function globToRegExp(pattern: string): RegExp {
  const bad = () => invalid(`invalid filter 'reference=${pattern}': syntax error in pattern`)
  let source = ''
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i]!
    if (char === '*') source += '[^/]*'
    else if (char === '?') source += '[^/]'
    else if (char === '\\') {
      if (++i >= pattern.length) throw bad()
      source += RegExp.escape(pattern[i]!)
    } else if (char === '[') {
      const match = /^\[(\^?)((?:\\.|[^\]\\])+)\]/.exec(pattern.slice(i))
      if (!match) throw bad()
      const body = match[2]!.replace(
        /\\(.)|(\[)/g,
        (_, quoted: string | undefined, open: string | undefined) => `\\${quoted ?? open!}`,
      )
      source += `[${match[1]!}${body}]`
      i += match[0].length - 1
    } else source += RegExp.escape(char)
  }
  try {
    return new RegExp(`^${source}$`, 's')
  } catch {
    throw bad()
  }
}
