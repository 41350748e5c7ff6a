import { decodeExports, decodeLookup, decodePort, decodeReply, encodeCall } from '#codec/rpc/index.ts'
import { exportsCall, lookupCall, mountPortCall, nullCall } from '#codec/rpc/index.ts'
import type { RpcCall } from '#codec/rpc/index.ts'
import { forbidden, invalid, unavailable } from '#lib/errors.ts'
import type { Conversation } from '#ports/file-servers.ts'
import { valueOf } from './network-options.ts'
import type { Place } from './validate.ts'

const RPCBIND = 111
const MOST_NAMES = 20

/** Asks an NFS server for the export: by version 4, or by the MOUNT protocol of version 3. */
export async function lookAtNfs(place: Place): Promise<void> {
  const { options, type } = place.mount.device
  const asked = valueOf(options, 'nfsvers', 'vers') ?? (type === 'nfs4' ? '4' : undefined)
  const conversation = await place.dial(place.mount.port)
  try {
    const wanted = asked?.startsWith('3') ? 3 : 4
    const version = await speaks(place, conversation, wanted, asked !== undefined)
    if (version === 4) return await lookUp(place, conversation)
  } finally {
    conversation.close()
  }
  await findExport(place)
}

/** @returns the version to use: the wanted one, or 3 where nobody asked for one */
async function speaks(place: Place, conversation: Conversation, wanted: number, strict: boolean): Promise<number> {
  const reply = await call(conversation, nullCall(1, wanted))
  if (reply.kind === 'done') return wanted
  const { server, port } = place.mount
  if (reply.kind === 'refused')
    throw unavailable(`server ${server} has no NFS on port ${port}: ${reply.reason} (EPROTONOSUPPORT)`)
  if (!strict && wanted === 4 && reply.low <= 3 && reply.high >= 3) return 3
  const has = reply.low === reply.high ? `version ${reply.low}` : `versions ${reply.low} to ${reply.high}`
  throw invalid(
    `server ${server} speaks NFS ${has}, not version ${wanted} (EPROTONOSUPPORT): ask for another with o=nfsvers=N`,
  )
}

async function lookUp(place: Place, conversation: Conversation): Promise<void> {
  const { path, server } = place.mount
  const names = path.split('/').filter(Boolean)
  const looked = decodeLookup(await results(place, conversation, lookupCall(2, names, false)))
  // Servers without 4.0 are asked by the kernel in their own way.
  if (looked.errno === '' || looked.errno === 'EPROTONOSUPPORT') return
  const at = `/${names.slice(0, looked.found).join('/')}`
  if (looked.errno !== 'ENOENT' && looked.errno !== 'ENOTDIR') {
    const words = `server ${server} does not let this host have ${path} (${looked.errno})`
    throw forbidden(`${words}: allow its address in the server's exports`)
  }
  const there = decodeLookup(await results(place, conversation, lookupCall(3, names.slice(0, looked.found), true)))
  const listed = there.names.toSorted().slice(0, MOST_NAMES)
  const has = listed.map(name => `${at === '/' ? '' : at}/${name}`).join(', ')
  throw missing(server, path, has === '' ? `nothing in ${at} that this host may see` : has)
}

/** By MOUNT, whose port rpcbind knows unless `mountport=` says it. */
async function findExport(place: Place): Promise<void> {
  const { path, server, device } = place.mount
  const port = Number(valueOf(device.options, 'mountport') ?? (await mountPort(place)))
  const conversation = await place.dial(port)
  try {
    const exports = decodeExports(await results(place, conversation, exportsCall(5)))
    if (exports.some(one => path === one || path.startsWith(one.endsWith('/') ? one : `${one}/`))) return
    throw missing(server, path, exports.join(', ') || 'no exports')
  } finally {
    conversation.close()
  }
}

async function mountPort(place: Place): Promise<number> {
  const conversation = await place.dial(RPCBIND)
  try {
    const port = decodePort(await results(place, conversation, mountPortCall(4)))
    if (port !== 0) return port
    throw unavailable(`server ${place.mount.server} has no MOUNT service, which NFS 3 needs: ask for o=nfsvers=4`)
  } finally {
    conversation.close()
  }
}

function missing(server: string, path: string, has: string): Error {
  return invalid(`export ${path} does not exist on server ${server} (ENOENT): the server has ${has}`)
}

async function call(conversation: Conversation, request: RpcCall): Promise<ReturnType<typeof decodeReply>> {
  return decodeReply(await conversation.ask(encodeCall(request)), request.id)
}

async function results(place: Place, conversation: Conversation, request: RpcCall) {
  const reply = await call(conversation, request)
  if (reply.kind === 'done') return reply.results
  const why = reply.kind === 'refused' ? reply.reason : 'it speaks another version'
  throw unavailable(`server ${place.mount.server} refuses to answer: ${why} (EPROTONOSUPPORT)`)
}
