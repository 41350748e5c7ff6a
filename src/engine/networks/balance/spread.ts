/**
 * Divides slots among targets, each as many as any other give or take one, and moves as few as that takes: a slot whose
 * target stays and is not over its share keeps it.
 * @param before what the slots lead to now; empty at first
 */
export function spreadSlots(before: readonly string[], targets: readonly string[], slots: number): string[] {
  if (targets.length === 0) return []
  const least = Math.floor(slots / targets.length)
  let extra = slots % targets.length
  const share = new Map(targets.map(target => [target, least]))
  const after = Array.from({ length: slots }, () => '')
  const open: number[] = []
  // One slot over the least share may be kept too, while there are such shares left.
  for (let slot = 0; slot < slots; slot++) {
    const target = before[slot]
    const left = target === undefined ? undefined : share.get(target)
    if (target === undefined || left === undefined) open.push(slot)
    else if (left > 0 || (left === 0 && extra > 0)) {
      if (left === 0) extra--
      share.set(target, left - 1)
      after[slot] = target
    } else open.push(slot)
  }
  const wanting: string[] = []
  for (const [target, left] of share) {
    for (let count = 0; count < left; count++) wanting.push(target)
    if (left >= 0 && extra > 0) {
      extra--
      wanting.push(target)
    }
  }
  for (const [index, slot] of open.entries()) after[slot] = wanting[index]!
  return after
}
