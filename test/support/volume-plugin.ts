/**
 * A volume plugin as others write them, for tests: `node volume-plugin.ts SOCKET DIRECTORY`. Volumes are directories below
 * DIRECTORY/data, mounted with mount(8) on DIRECTORY/mnt/NAME while somebody has them; what it knows survives it in
 * DIRECTORY/state.json. Each call is a line of DIRECTORY/log. DIRECTORY/mood decides how it behaves: lines `MOOD` for all
 * calls or `METHOD MOOD` for one: `silent`, `garbage`, `refuse`, `wrong-types`, `relative`, `dotdot`, `absent`, `crash`
 * (after the work is done and before it is told) or a number of milliseconds to be late by.
 */
import { spawnSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { join } from 'node:path'

type Json = Record<string, unknown>
interface Volume {
  options: Record<string, string>
  createdAt: string
  /** Ids of those who have it mounted. */
  users: string[]
}

const [socket, directory] = process.argv.slice(2) as [string, string]
const stateFile = join(directory, 'state.json')
const state: Record<string, Volume> = existsSync(stateFile)
  ? (JSON.parse(readFileSync(stateFile, 'utf8')) as Record<string, Volume>)
  : {}
const data = (name: string) => join(directory, 'data', name)
const mountpoint = (name: string) => join(directory, 'mnt', name)

function save(): void {
  writeFileSync(`${stateFile}.new`, JSON.stringify(state))
  spawnSync('mv', [`${stateFile}.new`, stateFile])
}

function run(...command: string[]): void {
  const { status, stderr } = spawnSync(command[0]!, command.slice(1), { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command.join(' ')}: ${stderr.trim()}`)
}

function find(body: Json): [string, Volume] {
  const name = String(body.Name)
  const volume = state[name]
  if (!volume) throw new Error(`no volume ${name} here`)
  return [name, volume]
}

const described = (name: string, volume: Volume) => ({
  Name: name,
  CreatedAt: volume.createdAt,
  ...(volume.users.length > 0 && { Mountpoint: mountpoint(name) }),
})

const verbs: Record<string, (body: Json) => Json> = {
  'Plugin.Activate': () => ({ Implements: ['VolumeDriver'] }),
  'VolumeDriver.Capabilities': () => ({ Capabilities: { Scope: 'global' } }),
  'VolumeDriver.Create': body => {
    const name = String(body.Name)
    const options = (body.Opts ?? {}) as Record<string, string>
    if (options.fail) throw new Error(options.fail)
    if (state[name]) throw new Error(`volume ${name} is here already`)
    mkdirSync(data(name), { recursive: true })
    state[name] = { options, createdAt: new Date().toISOString(), users: [] }
    save()
    return {}
  },
  'VolumeDriver.Remove': body => {
    const [name, volume] = find(body)
    if (volume.users.length > 0) throw new Error(`volume ${name} is mounted by ${volume.users.join(', ')}`)
    rmSync(data(name), { recursive: true, force: true })
    delete state[name]
    save()
    return {}
  },
  'VolumeDriver.Mount': body => {
    const [name, volume] = find(body)
    if (volume.users.includes(String(body.ID))) throw new Error(`${String(body.ID)} has ${name} already`)
    if (volume.users.length === 0) {
      mkdirSync(mountpoint(name), { recursive: true })
      run('mount', '--bind', data(name), mountpoint(name))
    }
    volume.users.push(String(body.ID))
    save()
    return { Mountpoint: mountpoint(name) }
  },
  'VolumeDriver.Unmount': body => {
    const [name, volume] = find(body)
    if (!volume.users.includes(String(body.ID))) throw new Error(`${String(body.ID)} does not have ${name}`)
    volume.users = volume.users.filter(user => user !== body.ID)
    if (volume.users.length === 0) run('umount', mountpoint(name))
    save()
    return {}
  },
  'VolumeDriver.Path': body => {
    const [name, volume] = find(body)
    return volume.users.length > 0 ? { Mountpoint: mountpoint(name) } : {}
  },
  'VolumeDriver.Get': body => {
    const [name, volume] = find(body)
    return { Volume: { ...described(name, volume), Status: { users: volume.users.length, options: volume.options } } }
  },
  'VolumeDriver.List': () => ({ Volumes: Object.entries(state).map(([name, volume]) => described(name, volume)) }),
}

function moodFor(method: string): string {
  for (const line of readFileSync(join(directory, 'mood'), 'utf8').trim().split('\n')) {
    const [first = '', second] = line.split(' ')
    if (second === undefined) return first
    if (method.endsWith(`.${first}`)) return second
  }
  return ''
}

function answer(method: string, body: Json, mood: string): { status: number; text: string } {
  if (mood === 'garbage') return { status: 200, text: '<html>' }
  if (mood === 'refuse') return { status: 500, text: '{"Err":"not today"}' }
  if (mood === 'wrong-types') return { status: 200, text: '{"Volumes":7,"Volume":[],"Mountpoint":{},"Implements":[1]}' }
  const verb = verbs[method]
  if (!verb) return { status: 404, text: '{"Err":"no such method"}' }
  try {
    const value = verb(body)
    if (mood === 'crash') process.exit(1)
    if (mood === 'relative') return { status: 200, text: '{"Mountpoint":"srv/data"}' }
    if (mood === 'dotdot') return { status: 200, text: `{"Mountpoint":"${directory}/mnt/../../../etc"}` }
    if (mood === 'absent') return { status: 200, text: '{"Mountpoint":"/nowhere/at/all"}' }
    return { status: 200, text: JSON.stringify(value) }
  } catch (error) {
    return { status: 500, text: JSON.stringify({ Err: (error as Error).message }) }
  }
}

rmSync(socket, { force: true })
if (!existsSync(join(directory, 'mood'))) writeFileSync(join(directory, 'mood'), '')
http
  .createServer((request, response) => {
    let text = ''
    request.on('data', chunk => (text += String(chunk)))
    request.on('end', () => {
      const method = String(request.url).slice(1)
      appendFileSync(join(directory, 'log'), `${method} ${text}\n`)
      const mood = moodFor(method)
      if (mood === 'silent') return
      const { status, text: said } = answer(method, JSON.parse(text || '{}') as Json, mood)
      response.statusCode = status
      setTimeout(() => response.end(said), /^\d+$/.test(mood) ? Number(mood) : 0)
    })
  })
  .listen(socket, () => process.stdout.write('ready\n'))
