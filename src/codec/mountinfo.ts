/** One line of /proc/PID/mountinfo (proc_pid_mountinfo(5)). */
export interface MountInfo {
  id: number
  parentId: number
  /** `major:minor` */
  device: string
  /** Path within the file system that is the root of this mount. */
  root: string
  mountPoint: string
  options: string[]
  /** `shared:2`, `master:7`, … */
  propagation: string[]
  type: string
  source: string
  superOptions: string[]
}

/** Parses mountinfo text, in order of mounting; lines of an unknown form are skipped. */
export function parseMountInfo(text: string): MountInfo[] {
  const mounts: MountInfo[] = []
  for (const line of text.split('\n')) {
    const [before, after] = halves(line, ' - ')
    if (after === undefined) continue
    const [id, parentId, device, root, mountPoint, options, ...propagation] = before.split(' ')
    const [type, source, superOptions] = after.split(' ')
    if (mountPoint === undefined || source === undefined) continue
    mounts.push({
      id: Number(id),
      parentId: Number(parentId),
      device: device!,
      root: unescapeOctal(root!),
      mountPoint: unescapeOctal(mountPoint),
      options: (options ?? '').split(','),
      propagation,
      type: unescapeOctal(type!),
      source: unescapeOctal(source),
      superOptions: (superOptions ?? '').split(','),
    })
  }
  return mounts
}

/** The kernel writes space, tab, newline, backslash and `#` as `\040` and so on. */
export function unescapeOctal(text: string): string {
  if (!text.includes('\\')) return text
  return text.replaceAll(/\\([0-7]{3})/g, (_all, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}

function halves(line: string, separator: string): [string, string | undefined] {
  const at = line.indexOf(separator)
  return at < 0 ? [line, undefined] : [line.slice(0, at), line.slice(at + separator.length)]
}
