import { invalid } from '#lib/errors.ts'
import { healthcheck } from './change-healthcheck.ts'
import { expandWords, jsonForm, keyValues } from './change-words.ts'
import type { ContainerConfig } from '#model/config.ts'

type Config = Partial<ContainerConfig>
type Change = (config: Config, argument: string) => Config

/**
 * Applies Dockerfile instructions to an image's configuration, as `docker import --change` and `docker commit
 * --change` do. The given configuration is not changed.
 * @throws invalid naming the instruction
 */
export function applyChanges(config: Config, changes: readonly string[]): Config {
  let result = config
  for (const change of changes) {
    for (const line of change.split('\n').map(part => part.trim())) {
      if (line === '' || line.startsWith('#')) continue
      const [, word, argument] = /^(\S+)\s*(.*)$/s.exec(line) as unknown as [string, string, string]
      const apply = CHANGES[word.toUpperCase()]
      if (!apply) throw invalid(`${word} is not a valid change command`)
      if (argument === '') throw invalid(`${word.toUpperCase()} requires at least one argument`)
      result = apply(result, argument)
    }
  }
  return result
}

/** JSON form, or a command line for the shell. */
const command = (config: Config, argument: string): string[] =>
  jsonForm(argument) ?? [...(config.Shell ?? ['/bin/sh', '-c']), argument]

const envOf = (config: Config) => (name: string) =>
  config.Env?.find(pair => pair.startsWith(`${name}=`))?.slice(name.length + 1)

const CHANGES: Record<string, Change> = {
  CMD: (config, argument) => ({ ...config, Cmd: command(config, argument) }),
  ENTRYPOINT: (config, argument) => ({ ...config, Entrypoint: command(config, argument) }),
  ENV(config, argument) {
    let env = config.Env ?? []
    for (const [key, value] of keyValues('ENV', argument, envOf(config))) {
      env = [...env.filter(pair => !pair.startsWith(`${key}=`)), `${key}=${value}`]
    }
    return { ...config, Env: env }
  },
  LABEL(config, argument) {
    const labels = keyValues('LABEL', argument, envOf(config))
    return { ...config, Labels: { ...config.Labels, ...Object.fromEntries(labels) } }
  },
  EXPOSE(config, argument) {
    const ports = expandWords(argument, envOf(config)).flatMap(exposedPorts)
    return { ...config, ExposedPorts: { ...config.ExposedPorts, ...Object.fromEntries(ports.map(p => [p, {}])) } }
  },
  USER: (config, argument) => ({ ...config, User: single('USER', argument, config) }),
  WORKDIR(config, argument) {
    const path = expandWords(argument, envOf(config)).join(' ')
    return { ...config, WorkingDir: cleanPath(path.startsWith('/') ? path : `${config.WorkingDir || ''}/${path}`) }
  },
  VOLUME(config, argument) {
    const paths = jsonForm(argument) ?? expandWords(argument, envOf(config))
    if (paths.some(path => path.trim() === '')) throw invalid('VOLUME specified can not be an empty string')
    return { ...config, Volumes: { ...config.Volumes, ...Object.fromEntries(paths.map(path => [path, {}])) } }
  },
  STOPSIGNAL: (config, argument) => ({ ...config, StopSignal: stopSignal(single('STOPSIGNAL', argument, config)) }),
  ONBUILD(config, argument) {
    const word = argument.split(/\s/, 1)[0]!.toUpperCase()
    if (word === 'ONBUILD') throw invalid("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
    if (word === 'FROM' || word === 'MAINTAINER') throw invalid(`${word} isn't allowed as an ONBUILD trigger`)
    return { ...config, OnBuild: [...(config.OnBuild ?? []), argument] }
  },
  HEALTHCHECK: (config, argument) => ({ ...config, Healthcheck: healthcheck(argument, text => command(config, text)) }),
}

function single(word: string, argument: string, config: Config): string {
  const words = expandWords(argument, envOf(config))
  if (words.length !== 1) throw invalid(`${word} requires exactly one argument`)
  return words[0]!
}

/** `80`, `80/udp`, `8000-8002/tcp` to `port/protocol` each. */
function exposedPorts(text: string): string[] {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(text)
  const low = Number(match?.[1])
  const high = Number(match?.[2] ?? match?.[1])
  if (!match || low < 1 || high > 65_535 || low > high) throw invalid(`invalid containerPort: ${text}`)
  return Array.from({ length: high - low + 1 }, (_, i) => `${low + i}/${(match[3] ?? 'tcp').toLowerCase()}`)
}

function stopSignal(text: string): string {
  if (
    !/^(?:SIG)?[A-Z][A-Z0-9+-]*$/i.test(text) &&
    !(/^\d{1,2}$/.test(text) && Number(text) >= 1 && Number(text) <= 64)
  ) {
    throw invalid(`invalid signal: ${text}`)
  }
  return text
}

function cleanPath(path: string): string {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return `/${parts.join('/')}`
}
