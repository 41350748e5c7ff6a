/** Bytes: positions at the far end are multiples of it, as dd(1) seeks. */
export const UNIT = 64 * 1024
/** Units that a digest is of, when an earlier attempt is taken up. */
export const UNITS_PER_BLOCK = 256
export const BLOCK = UNIT * UNITS_PER_BLOCK

/** Exit codes of ours, so that ssh(1)'s 255 and the programs' 1 and 2 are told from them. */
export const EXIT = { noPlace: 71, absent: 72, write: 73 } as const

/** One word for sh(1), whatever is in it. */
export const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`

/** What ssh(1) is told to run: the login shell there may be any, so it does no more than start sh(1). */
export const commandLine = (script: string) => `exec sh -c ${quote(script)}`

// Only what POSIX has, and what busybox has: the far end may be a router.
const head = (place: string) =>
  [
    'LC_ALL=C; export LC_ALL; umask 077; set -f',
    `[ -d ${quote(place)} ] || exit ${EXIT.noPlace}`,
    `cd ${quote(place)} || exit 1`,
  ].join('\n')

const SIZE = 'size() { set -- $(ls -lnL "$1") && echo "$5"; }'
const SUM = `sum() {
  if command -v sha256sum >/dev/null 2>&1; then sha256sum
  elif command -v shasum >/dev/null 2>&1; then shasum -a 256
  elif command -v sha256 >/dev/null 2>&1; then sha256
  elif command -v openssl >/dev/null 2>&1; then openssl dgst -sha256 -r
  else cat >/dev/null; echo none; fi
}`
const DIGEST = 'digest() { sum | { read a b; echo "$a"; }; }'
const FLUSH = 'flush() { sync "$1" 2>/dev/null || sync 2>/dev/null || :; }'

const variables = (names: Record<string, string>) =>
  Object.entries(names)
    .map(([name, value]) => `${name}=${quote(value)}`)
    .join('; ')

/**
 * Talks on stdin and stdout: `size N`; it is told how many blocks to digest, and says `sum HEX` for each; it is told at which
 * unit to go on and whether what is behind it goes (`1`); then takes the content, says `at N` now and then, and in the end
 * `sum HEX` (or `none`) of the whole. A writer of a broken connection that still lives does no harm: it writes the very same
 * bytes to the same places, which appending would not.
 *
 * @param names relative to the place, starting with `./`
 */
export function writeScript(place: string, names: { directory: string; part: string }): string {
  return `${head(place)}
${variables({ d: names.directory, p: names.part })}
${SIZE}
${SUM}
${DIGEST}
mkdir -p "$d" || exit ${EXIT.write}
[ -e "$p" ] || : >"$p" || exit ${EXIT.write}
find "$d/." ! -name . -prune -type f -name '.*.part-*' -mtime +1 -exec rm -f {} + 2>/dev/null
echo "size $(size "$p")"
read n || exit 1
i=0
while [ "$i" -lt "$n" ]; do
  echo "sum $(dd if="$p" bs=${UNIT} skip=$((i * ${UNITS_PER_BLOCK})) count=${UNITS_PER_BLOCK} 2>/dev/null | digest)"
  i=$((i + 1))
done
read k t || exit 1
( while :; do sleep 0.2 >/dev/null 2>&1 || sleep 1 >/dev/null 2>&1; echo "at $(size "$p")"; done ) </dev/null &
m=$!
if [ "$t" = 1 ]; then dd of="$p" bs=${UNIT} seek="$k"; else dd of="$p" bs=${UNIT} seek="$k" conv=notrunc; fi
r=$?
kill "$m" 2>/dev/null
[ "$r" = 0 ] || exit ${EXIT.write}
echo "at $(size "$p")"
echo "sum $(digest <"$p")"`
}

/** Gives the part its name, and says `done SIZE`; or `gone SIZE HEX` of what bears the name when there is no part any more. */
export function finishScript(place: string, names: { directory: string; part: string; file: string }): string {
  return `${head(place)}
${variables({ d: names.directory, p: names.part, f: names.file })}
${SIZE}
${SUM}
${DIGEST}
${FLUSH}
if [ -e "$p" ]; then
  [ ! -d "$f" ] || { echo "$f: Is a directory" >&2; exit ${EXIT.write}; }
  flush "$p"
  s=$(size "$p")
  mv -f "$p" "$f" || exit ${EXIT.write}
  flush "$d"
  echo "done $s"
else
  [ -f "$f" ] || exit ${EXIT.absent}
  echo "gone $(size "$f") $(digest <"$f")"
fi`
}

/** Says `size N`, then the content from a byte on. */
export function readScript(place: string, file: string, offset: number): string {
  return `${head(place)}
f=${quote(file)}
${SIZE}
[ -f "$f" ] || exit ${EXIT.absent}
s=$(size "$f") && : <"$f" || exit 1
echo "size $s"
exec tail -c +${offset + 1} "$f"`
}

// A line `SIZE SECONDS NAME/` for each file. GNU's and busybox's stat(1), else BSD's.
const stats = (find: string) => `if stat -c %s . >/dev/null 2>&1
then exec ${find} -exec stat -c '%s %Y %n/' {} +
else exec ${find} -exec stat -f '%z %m %N/' {} +
fi`

export function statScript(place: string, file: string): string {
  return `${head(place)}
[ -f ${quote(file)} ] || exit ${EXIT.absent}
${stats(`find ${quote(file)} -type f`)}`
}

/** Looks only into directories that names with the prefix can be in. */
export function listScript(place: string, prefix: string): string {
  const start = `./${prefix.slice(0, prefix.lastIndexOf('/') + 1)}`.replace(/\/$/, '')
  const all = quote(`./${prefix.replace(/[\\*?[\]]/g, '\\$&')}*`)
  return `${head(place)}
[ -d ${quote(start)} ] || exit 0
${stats(`find ${quote(start)} -type d ! -path ${quote(start)} ! -path ${all} -prune -o -type f -path ${all}`)}`
}

export function removeScript(place: string, file: string): string {
  return `${head(place)}
rm -f ${quote(file)}`
}
