import type { CsiContentSource, CsiTopology } from '#ports/csi.ts'

/**
 * On the way of a volume into a container: the controller gives it to this machine, the machine prepares it once (`stage`), and
 * puts it where containers see it (`publish`). A driver has the first two or not.
 */
export type Step = 'attach' | 'stage' | 'publish'
export const STEPS: readonly Step[] = ['attach', 'stage', 'publish']

/**
 * What is known of a volume of a CSI driver, beside its record. Written before each call and after it, so that after a crash
 * or an answer that never came it is known what may have happened: each call may be made again.
 */
export interface CsiVolume {
  /** `VolumeRecord.handle`. */
  handle: string
  /** Of the volume when it was made, or last attached. */
  name: string
  driver: string
  /** What the driver knows a new volume by until it has given it an id: the same name never makes two. */
  key: string
  /** `creating`: asked for, and it may exist; `deleting`: it may be gone. */
  life: 'creating' | 'created' | 'deleting'
  /** As asked for, to make or take back one whose creation was cut short. */
  options: Record<string, string>
  source?: CsiContentSource
  /** '' until it is known. */
  volumeId: string
  /** Not one that existed before: those are never deleted. */
  ours: boolean
  context: Record<string, string>
  /** Bytes; 0 when unknown. */
  capacity: number
  topology: CsiTopology[]
  /** Steps that have been begun, and not been taken back for certain. */
  begun: Step[]
  /** Those of them that are certainly in force. */
  done: Step[]
  publishContext: Record<string, string>
  /** That it was attached to. */
  nodeId: string
  /** Of the host at the last step: neither stage nor publish survive a restart of it. */
  bootId: string
  /** Not published yet since it was made, with nothing in it. */
  fresh?: true
  /** Bytes that the file system is still to be grown to, when it is published. */
  expandTo?: number
}

/** What is still to be done, in order. `wanted` are the steps that the driver has. */
export function stepsUp(volume: Pick<CsiVolume, 'done'>, wanted: readonly Step[]): Step[] {
  return STEPS.filter(step => wanted.includes(step) && !volume.done.includes(step))
}

/** What is to be taken back, in order. */
export function stepsDown(volume: Pick<CsiVolume, 'begun'>): Step[] {
  return STEPS.filter(step => volume.begun.includes(step)).reverse()
}

export function begin(volume: CsiVolume, step: Step): CsiVolume {
  return { ...volume, begun: STEPS.filter(one => one === step || volume.begun.includes(one)) }
}

export function finish(volume: CsiVolume, step: Step): CsiVolume {
  return { ...begin(volume, step), done: STEPS.filter(one => one === step || volume.done.includes(one)) }
}

/** Before the call that takes it back. */
export function doubt(volume: CsiVolume, step: Step): CsiVolume {
  return { ...volume, done: volume.done.filter(one => one !== step) }
}

export function undone(volume: CsiVolume, step: Step): CsiVolume {
  return { ...doubt(volume, step), begun: volume.begun.filter(one => one !== step) }
}

/** After a restart of the host nothing is mounted any more; what the controller has attached still is. */
export function onBoot(volume: CsiVolume, bootId: string): CsiVolume {
  if (volume.bootId === bootId) return volume
  return { ...volume, bootId, done: volume.done.filter(step => step === 'attach') }
}

/** `created`, `attached → staged`: what is in force, and what may be. */
export function shownState({ life, begun, done }: CsiVolume): string {
  if (life !== 'created') return life
  const words = { attach: 'attached', stage: 'staged', publish: 'published' }
  const sure = done.at(-1)
  const maybe = begun.at(-1)
  const from = sure ? words[sure] : 'created'
  return maybe && maybe !== sure ? `${from} → ${words[maybe]}` : from
}
