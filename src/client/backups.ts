import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import type {
  BackupRequest,
  BackupStatus,
  RestoreRequest,
  RestoreStatus,
  ScheduleJson,
  ScheduleRequest,
} from '#wire/backups.ts'
import { WITH_BASE } from '#wire/backups.ts'
import type { SyncLineJson, SyncRequestJson } from '#wire/sync.ts'
import { jsonLines } from './json-lines.ts'
import { segment } from './query.ts'
import type { Transport } from './transport.ts'

/** An archive on its way from the daemon. */
export interface BackupStream {
  id: string
  createdAt: string
  /** Bytes of content that are expected; -1 when nobody knows. */
  totalBytes: number
  stream: IncomingMessage
}

/** API: `/berth/volumes/backup`, `/berth/backups`, `/berth/restores`; Berth only. */
export class BackupsClient {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  /** @param base stored index of the backup that this one goes on from */
  async start(request: BackupRequest, base?: Buffer, signal?: AbortSignal): Promise<BackupStream> {
    const input = base
      ? {
          body: Buffer.concat([Buffer.from(`${JSON.stringify(request)}\n`), base]),
          headers: { 'Content-Type': WITH_BASE },
        }
      : { json: request }
    const stream = await this.#transport.request('POST', '/berth/volumes/backup', { ...input, signal })
    const header = (name: string) => String(stream.headers[name] ?? '')
    return {
      id: header('berth-backup-id'),
      createdAt: header('berth-backup-created'),
      totalBytes: Number(header('berth-backup-bytes') || -1),
      stream,
    }
  }

  status(id: string): Promise<BackupStatus> {
    return this.#transport.json('GET', `/berth/backups/${segment(id)}`)
  }

  openRestore(request: RestoreRequest): Promise<RestoreStatus> {
    return this.#transport.json('POST', '/berth/restores', { json: request })
  }

  restoreStatus(id: string): Promise<RestoreStatus> {
    return this.#transport.json('GET', `/berth/restores/${segment(id)}`)
  }

  /** @param piece of the archive, from `offset` on */
  feed(id: string, offset: number, piece: Readable | Buffer): Promise<RestoreStatus> {
    const headers = { 'Content-Type': 'application/octet-stream' }
    return this.#transport.json('PUT', `/berth/restores/${segment(id)}`, { query: { offset }, body: piece, headers })
  }

  next(id: string): Promise<RestoreStatus> {
    return this.#transport.json('POST', `/berth/restores/${segment(id)}/next`)
  }

  commit(id: string): Promise<RestoreStatus> {
    return this.#transport.json('POST', `/berth/restores/${segment(id)}/commit`)
  }

  async abort(id: string): Promise<void> {
    await this.#transport.done('DELETE', `/berth/restores/${segment(id)}`)
  }

  /** Of a volume's tree as it is now, sha256 in hex. */
  async digest(volume: string): Promise<string> {
    const answer = await this.#transport.json<{ Digest: string }>('GET', `/berth/volumes/${segment(volume)}/digest`)
    return answer.Digest
  }

  schedules(): Promise<ScheduleJson[]> {
    return this.#transport.json('GET', '/berth/schedules')
  }

  schedule(id: string): Promise<ScheduleJson> {
    return this.#transport.json('GET', `/berth/schedules/${segment(id)}`)
  }

  addSchedule(request: ScheduleRequest): Promise<ScheduleJson> {
    return this.#transport.json('POST', '/berth/schedules', { json: request })
  }

  /** `run` answers when the backup is over, well or not. */
  changeSchedule(id: string, verb: 'pause' | 'resume' | 'run'): Promise<ScheduleJson> {
    return this.#transport.json('POST', `/berth/schedules/${segment(id)}/${verb}`)
  }

  async removeSchedule(id: string): Promise<void> {
    await this.#transport.done('DELETE', `/berth/schedules/${segment(id)}`)
  }

  /** What is done, as it is done; the last line is the total, or an error. Ending the iteration ends the work. */
  async sync(volume: string, request: SyncRequestJson): Promise<AsyncGenerator<SyncLineJson>> {
    const path = `/berth/volumes/${segment(volume)}/sync`
    return jsonLines<SyncLineJson>(await this.#transport.request('POST', path, { json: request }))
  }
}
