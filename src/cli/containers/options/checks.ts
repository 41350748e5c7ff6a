import { isIP } from 'node:net'

/** Checks of single values, at the place of the flag; the messages are Docker's. */

export function checkAttach(text: string): string {
  const stream = text.toLowerCase()
  if (!['stdin', 'stdout', 'stderr'].includes(stream)) throw new Error('valid streams are STDIN, STDOUT and STDERR')
  return stream
}

export function checkEnv(text: string): string {
  if (text === '' || text.startsWith('=')) throw new Error(`invalid environment variable: ${text}`)
  if (text.includes('=')) return text
  const value = process.env[text]
  return value === undefined ? text : `${text}=${value}`
}

export function checkAddHost(text: string): string {
  const match = /^([^:=]+)[:=](.+)$/.exec(text)
  if (!match) throw new Error(`bad format for add-host: ${JSON.stringify(text)}`)
  const address = match[2]!.replace(/^\[(.*)\]$/, '$1')
  if (address !== 'host-gateway' && isIP(address) === 0) {
    throw new Error(`invalid IP address in add-host: ${JSON.stringify(address)}`)
  }
  return `${match[1]}:${address}`
}

export function checkDns(text: string): string {
  if (isIP(text) === 0) throw new Error(`IP address is not correctly formatted: ${text}`)
  return text
}

export function checkDeviceRule(text: string): string {
  if (!/^[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}$/.test(text)) {
    throw new Error(`invalid device cgroup format '${text}'`)
  }
  return text
}

const SYSCTLS = new Set(
  'kernel.msgmax kernel.msgmnb kernel.msgmni kernel.sem kernel.shmall kernel.shmmax kernel.shmmni kernel.shm_rmid_forced'.split(
    ' ',
  ),
)

export function checkSysctl(text: string): string {
  const [name, value] = text.split('=') as [string, string?]
  const allowed = SYSCTLS.has(name) || name.startsWith('net.') || name.startsWith('fs.mqueue.')
  if (value === undefined || !allowed) throw new Error(`sysctl '${text}' is not allowed`)
  return text
}

export function checkMac(text: string): string {
  if (!/^([\da-f]{2}[:-]){5}[\da-f]{2}$/i.test(text)) throw new Error(`${text} is not a valid mac address`)
  return text
}
