/**
 * A CSI driver as vendors write them, for tests: `node csi-driver.ts SOCKET DIRECTORY`. A volume is a directory below
 * DIRECTORY/data, bound where it is staged and published; what must be refused is (ports/testing/csi-model.ts). What it knows
 * survives it in DIRECTORY/state.json. Each call is a line of DIRECTORY/log. DIRECTORY/mood decides how it behaves, in lines
 * `METHOD MOOD [TIMES]`: `silent`, `crash` (after the work is done and before it is told), `crash-before`, `wrong` (an answer
 * without content), a number of milliseconds to be late by, or a gRPC code to end with. DIRECTORY/secret, if there, has the
 * password without which nothing is made.
 */
import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as grpc from '@grpc/grpc-js'
import * as loader from '@grpc/proto-loader'
import { csiDefinition } from '#kernel/csi/definition.ts'
import type { CsiMethod } from '#ports/csi.ts'
import { CsiModel, CsiRefusal } from '#ports/testing/csi-model.ts'

const [socket, directory] = process.argv.slice(2) as [string, string]
const file = (name: string) => join(directory, name)
const data = (id: string) => join(directory, 'data', id)
const textOf = (name: string) => (existsSync(file(name)) ? readFileSync(file(name), 'utf8').trim() : '')

function run(...command: string[]): void {
  const { status, stderr } = spawnSync(command[0]!, command.slice(1), { encoding: 'utf8' })
  if (status !== 0) throw new CsiRefusal('INTERNAL', `${command.join(' ')}: ${stderr.trim()}`)
}

const model = new CsiModel({
  volumes: JSON.parse(textOf('state.json') || '{}') as never,
  ...(textOf('secret') && { secret: textOf('secret') }),
  effects: {
    make(id, from) {
      mkdirSync(data(id), { recursive: true })
      if (from !== '') run('cp', '-a', `${data(from)}/.`, data(id))
    },
    remove: id => rmSync(data(id), { recursive: true, force: true }),
    mount(id, from, target, readonly) {
      mkdirSync(target, { recursive: true })
      run('mount', '--bind', ...(readonly ? ['-o', 'ro'] : []), from || data(id), target)
    },
    unmount(target) {
      run('umount', target)
      rmdirSync(target)
    },
  },
})

const spent = new Map<string, number>()
function moodFor(method: string): string {
  for (const line of textOf('mood').split('\n')) {
    const [name, mood = '', times] = line.split(' ')
    if (name !== method) continue
    const used = spent.get(line) ?? 0
    if (times !== undefined && used >= Number(times)) continue
    spent.set(line, used + 1)
    return mood
  }
  return ''
}

/** Volumes that a slow call is at work on: as the specification asks, others of that volume are sent away meanwhile. */
const busy = new Set<string>()

async function slowly(volume: string, ms: number): Promise<void> {
  busy.add(volume)
  await sleep(ms)
  busy.delete(volume)
}

async function handle(method: CsiMethod, request: object): Promise<object> {
  const name = method.split('.')[1]!
  appendFileSync(file('log'), `${name} ${JSON.stringify(request)}\n`)
  const mood = moodFor(name)
  if (mood === 'silent') await sleep(1_000_000)
  const { volume_id: id = '', name: volume = id } = request as { volume_id?: string; name?: string }
  if (volume !== '' && busy.has(volume))
    throw new CsiRefusal('ABORTED', `another call of volume ${volume} is under way`)
  if (/^\d+$/.test(mood)) await slowly(volume, Number(mood))
  if (mood === 'crash-before') process.exit(1)
  if (/^[A-Z_]+$/.test(mood)) throw new CsiRefusal(mood, 'as told')
  const answer = model.answer(method, request as never) as object
  writeFileSync(file('state.new'), JSON.stringify(model.volumes))
  renameSync(file('state.new'), file('state.json'))
  if (mood === 'crash') process.exit(1)
  return mood === 'wrong' ? {} : answer
}

mkdirSync(directory, { recursive: true })
rmSync(socket, { force: true })
const services = loader.fromJSON(csiDefinition(), { keepCase: true, longs: Number, enums: String, defaults: true })
const server = new grpc.Server()
for (const service of ['Identity', 'Controller', 'Node']) {
  const definition = services[`csi.v1.${service}`] as grpc.ServiceDefinition
  const handlers: grpc.UntypedServiceImplementation = {}
  for (const name of Object.keys(definition)) {
    handlers[name] = ((call: grpc.ServerUnaryCall<object, object>, reply: grpc.sendUnaryData<object>) => {
      handle(`${service}.${name}` as CsiMethod, call.request).then(
        answer => reply(null, answer),
        (error: unknown) => {
          const code = error instanceof CsiRefusal ? error.code : 'INTERNAL'
          reply({ code: grpc.status[code as keyof typeof grpc.status], details: (error as Error).message })
        },
      )
    }) as grpc.UntypedHandleCall
  }
  server.addService(definition, handlers)
}
server.bindAsync(`unix:${socket}`, grpc.ServerCredentials.createInsecure(), error => {
  if (error) throw error
  process.stdout.write('ready\n')
})
