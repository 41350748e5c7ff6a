import { invalid } from '#lib/errors.ts'
import type { MountPlan } from '#model/container.ts'
import { basePlan, checkDestination, checkIdMapAlone, checkVolumeName, PROPAGATIONS } from './mount-plan.ts'
import { checkIdMap } from './idmap.ts'
import { cleanPath } from './paths.ts'

/**
 * `SRC:DST[:OPTIONS]`, or `DST` alone for an anonymous volume (API: `HostConfig.Binds`). A source without a leading
 * slash is a volume's name. @throws invalid in Docker's words
 */
export function parseBind(spec: string, driver: string): MountPlan {
  const bad = () => invalid(`invalid volume specification: '${spec}'`)
  const parts = spec.split(':')
  if (parts.length > 3 || parts.some(part => part === '')) throw bad()
  const [first = '', second, third] = parts
  if (second === undefined) {
    return basePlan({ type: 'volume', source: '', destination: checkDestination(first, spec), anonymous: true, driver })
  }
  const destination = checkDestination(second, spec)
  const isBind = first.startsWith('/')
  if (!isBind) checkVolumeName(first)
  const options = parseOptions(third ?? '', isBind, spec)
  return basePlan({
    type: isBind ? 'bind' : 'volume',
    source: isBind ? cleanPath(first) : first,
    destination,
    createSource: isBind && !options.requireMountpoint,
    mode: third ?? (isBind ? '' : 'z'),
    driver: isBind ? '' : driver,
    ...options,
  })
}

function parseOptions(
  text: string,
  isBind: boolean,
  spec: string,
): Pick<MountPlan, 'readonly' | 'noCopy' | 'propagation' | 'recursive' | 'idmap' | 'requireMountpoint'> {
  const found: ReturnType<typeof parseOptions> = { readonly: false, noCopy: false, propagation: '', recursive: true }
  const seen = new Set<string>()
  const once = (group: string) => {
    if (seen.has(group)) throw invalid(`invalid mode: ${text}`)
    seen.add(group)
  }
  for (const option of text === '' ? [] : text.split(',')) {
    if (option === 'ro' || option === 'rw') {
      once('rw')
      found.readonly = option === 'ro'
    } else if (option === 'z' || option === 'Z') once('label')
    else if (option === 'nocopy' && !isBind) {
      once('copy')
      found.noCopy = true
    } else if (isBind && PROPAGATIONS.includes(option)) {
      once('propagation')
      found.propagation = option
    } else if (isBind && (option === 'rbind' || option === 'bind')) {
      once('bind')
      found.recursive = option === 'rbind'
    } else if (option === 'idmap' || option.startsWith('idmap=')) {
      once('idmap')
      found.idmap = option.slice('idmap='.length)
      checkIdMap(found.idmap)
    } else if (isBind && option === 'require-mountpoint') found.requireMountpoint = true
    else if (option === 'consistent' || option === 'cached' || option === 'delegated') once('consistency')
    else throw invalid(`invalid volume specification: '${spec}': invalid mode: ${text}`)
  }
  checkIdMapAlone(found)
  return found
}
