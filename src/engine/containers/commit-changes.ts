import { invalid } from '#lib/errors.ts'
import type { ContainerConfig } from '#model/config.ts'

/** Applies `--change` lines, Dockerfile instructions, to a configuration. @throws invalid for others than Docker takes */
export function applyChanges(config: Partial<ContainerConfig>, changes: readonly string[]): Partial<ContainerConfig> {
  return changes.filter(line => line.trim() !== '').reduce(applyChange, config)
}

function applyChange(config: Partial<ContainerConfig>, line: string): Partial<ContainerConfig> {
  const [, word = '', rest = ''] = /^\s*(\S+)\s*(.*)$/s.exec(line) ?? []
  const pairs = () => parsePairs(rest)
  switch (word.toUpperCase()) {
    case 'CMD':
      return { ...config, Cmd: command(rest, config) }
    case 'ENTRYPOINT':
      return { ...config, Entrypoint: command(rest, config) }
    case 'ENV': {
      const env = new Map((config.Env ?? []).map(entry => [entry.split('=', 1)[0], entry] as const))
      for (const [key, value] of pairs()) env.set(key, `${key}=${value}`)
      return { ...config, Env: Array.from(env.values()) }
    }
    case 'LABEL':
      return { ...config, Labels: { ...config.Labels, ...Object.fromEntries(pairs()) } }
    case 'EXPOSE': {
      const ports = rest
        .split(/\s+/)
        .filter(Boolean)
        .map(port => (port.includes('/') ? port : `${port}/tcp`))
      return {
        ...config,
        ExposedPorts: { ...config.ExposedPorts, ...Object.fromEntries(ports.map(port => [port, {}])) },
      }
    }
    case 'VOLUME': {
      const paths = jsonArray(rest) ?? rest.split(/\s+/).filter(Boolean)
      return { ...config, Volumes: { ...config.Volumes, ...Object.fromEntries(paths.map(path => [path, {}])) } }
    }
    case 'USER':
      return { ...config, User: rest.trim() }
    case 'WORKDIR':
      return { ...config, WorkingDir: rest.trim() }
    case 'STOPSIGNAL':
      return { ...config, StopSignal: rest.trim() }
    case 'ONBUILD':
      return { ...config, OnBuild: [...(config.OnBuild ?? []), rest] }
    case 'HEALTHCHECK':
      return { ...config, Healthcheck: { Test: /^none$/i.test(rest.trim()) ? ['NONE'] : healthTest(rest) } }
    default:
      throw invalid(`${word} is not a valid change command`)
  }
}

function command(text: string, config: Partial<ContainerConfig>): string[] {
  return jsonArray(text) ?? [...(config.Shell ?? ['/bin/sh', '-c']), text]
}

function healthTest(text: string): string[] {
  const rest = text.replace(/^CMD\s+/i, '')
  const list = jsonArray(rest)
  return list ? ['CMD', ...list] : ['CMD-SHELL', rest]
}

function jsonArray(text: string): string[] | undefined {
  if (!text.trim().startsWith('[')) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) && value.every(item => typeof item === 'string') ? value : undefined
  } catch {
    return undefined
  }
}

/** `key=value`, quoted values, several a line, or the old `key value`. */
function parsePairs(text: string): [string, string][] {
  if (!/^[^\s=]+=/.test(text)) {
    const [, key = '', value = ''] = /^(\S+)\s+(.*)$/s.exec(text) ?? []
    return key ? [[key, value]] : []
  }
  const pairs: [string, string][] = []
  for (const match of text.matchAll(/([^\s=]+)=("(?:[^"\\]|\\.)*"|'[^']*'|(?:[^\s\\]|\\.)*)/gs)) {
    const raw = match[2] ?? ''
    const quoted = /^(["']).*\1$/s.test(raw) ? raw.slice(1, -1) : raw
    pairs.push([match[1] ?? '', quoted.replace(/\\(.)/gs, '$1')])
  }
  return pairs
}
