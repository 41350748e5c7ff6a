import { decodeSmb, negotiate, sessionSetup, STATUS, treeConnect } from '#codec/smb/smb.ts'
import { invalid } from '#lib/errors.ts'
import type { Place } from './validate.ts'

/**
 * Asks an SMB server whether it has the share, as nobody: one that lets nobody ask cannot tell, and the mount will.
 */
export async function lookAtCifs(place: Place): Promise<void> {
  const { server, port, path } = place.mount
  const share = path.split('/')[0] ?? ''
  const conversation = await place.dial(port)
  try {
    const { status } = decodeSmb(await conversation.ask(negotiate()))
    if (status !== STATUS.ok)
      throw invalid(`server ${server} speaks no version of SMB from 2.0.2 to 3.0.2 (${hex(status)}): update it`)
    const greeted = decodeSmb(await conversation.ask(sessionSetup(1, 0n, 'greet')))
    if (greeted.status !== STATUS.moreProcessing) return
    const known = decodeSmb(await conversation.ask(sessionSetup(2, greeted.session, 'nobody')))
    if (known.status !== STATUS.ok) return
    const tree = decodeSmb(await conversation.ask(treeConnect(3, greeted.session, `\\\\${server}\\${share}`)))
    if (tree.status === STATUS.badNetworkName)
      throw invalid(`share ${share} does not exist on server ${server} (ENOENT): check its name on the server`)
  } finally {
    conversation.close()
  }
}

const hex = (status: number) => `status 0x${status.toString(16)}`
