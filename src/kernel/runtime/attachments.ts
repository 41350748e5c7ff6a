import { attachTo, type SocketAttachment } from './attachment.ts'

/** The live connections by container, so that deleting one lets go of its clients. */
export class Attachments {
  readonly #open = new Map<string, Set<SocketAttachment>>()

  /** Parameters as for `attachTo`. */
  async open(containerId: string, directory: string, park: boolean): Promise<SocketAttachment> {
    const attachment = await attachTo(directory, park, () => {
      all.delete(attachment)
      if (all.size === 0 && this.#open.get(containerId) === all) this.#open.delete(containerId)
    })
    const all = this.#open.get(containerId) ?? new Set()
    this.#open.set(containerId, all)
    all.add(attachment)
    return attachment
  }

  drop(containerId: string): void {
    for (const attachment of this.#open.get(containerId) ?? []) attachment.destroy()
  }
}
