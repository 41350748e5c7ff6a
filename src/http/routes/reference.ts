/** `name` and a tag or digest in one; a name that already has either is left alone when the other is empty. */
export function joinReference(name: string, tag: string): string {
  if (tag === '') return name
  return tag.includes(':') ? `${name}@${tag}` : `${name}:${tag}`
}

/** Whether the reference has a tag or a digest; a port is not one. */
export function hasTag(reference: string): boolean {
  return reference.includes('@') || reference.slice(reference.lastIndexOf('/') + 1).includes(':')
}
