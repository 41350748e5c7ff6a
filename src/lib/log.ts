export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Structured daemon log. A message is a short sentence; values go into fields. */
export interface Logger {
  debug(message: string, fields?: Record<string, unknown>): void
  info(message: string, fields?: Record<string, unknown>): void
  warn(message: string, fields?: Record<string, unknown>): void
  error(message: string, fields?: Record<string, unknown>): void
}

const ORDER: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 }

/** logfmt lines (`time= level= msg= key=value`), one a call, handed to `write`. */
export function logger(level: LogLevel, write: (line: string) => void, now: () => number = Date.now): Logger {
  const quote = (value: unknown): string => {
    const text = value instanceof Error ? value.message : typeof value === 'string' ? value : JSON.stringify(value)
    return /^[\w./:@-]+$/.test(text ?? '') ? text : JSON.stringify(text ?? null)
  }
  const emit =
    (at: LogLevel) =>
    (message: string, fields: Record<string, unknown> = {}) => {
      if (ORDER[at] < ORDER[level]) return
      const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${quote(value)}`)
      write(`time=${new Date(now()).toISOString()} level=${at} msg=${quote(message)}${rest.join('')}\n`)
    }
  return { debug: emit('debug'), info: emit('info'), warn: emit('warn'), error: emit('error') }
}

export const silentLogger: Logger = logger('error', () => {})
