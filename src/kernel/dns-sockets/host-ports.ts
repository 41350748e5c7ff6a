import fs from 'node:fs'
import { conflict } from '#lib/errors.ts'
import type { HostPorts } from '#ports/resolver.ts'
import { hasErrno } from '#kernel/ffi/errno.ts'
import * as libc from '#kernel/ffi/libc.ts'
import { encodeSocketAddress } from '#kernel/ffi/sockaddr.ts'

type Protocol = 'tcp' | 'udp' | 'sctp'

const IPPROTO_SCTP = 132
const IPPROTO_IPV6 = 41
const IPV6_V6ONLY = 26
const SO_REUSEADDR = 2
const SO_RCVBUF = 8

/**
 * Host ports by bind(2). A bound TCP socket that does not listen and lacks SO_REUSEADDR already makes every other bind fail,
 * also of programs that set SO_REUSEADDR; and where it would be reached, the firewall has sent the packets elsewhere.
 */
export class KernelHostPorts implements HostPorts {
  isFree(protocol: Protocol, address: string, port: number): boolean {
    try {
      const fd = hold(protocol, address, port)
      if (fd !== undefined) libc.close(fd)
      return true
    } catch (error) {
      if (hasErrno(error, 'EADDRINUSE')) return false
      throw error
    }
  }

  ephemeralRange(): [number, number] {
    const [low = 32768, high = 60999] = fs
      .readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8')
      .trim()
      .split(/\s+/)
      .map(Number)
    return [low, high]
  }

  /** @throws conflict with EADDRINUSE when another program has it, system for an address that is not the host's */
  reserve(protocol: Protocol, address: string, port: number): () => void {
    let fd: number | undefined
    try {
      fd = hold(protocol, address, port)
    } catch (error) {
      if (!hasErrno(error, 'EADDRINUSE')) throw error
      const text = `${address.includes(':') ? `[${address}]` : address}:${port}/${protocol}`
      throw conflict(`port ${text} is in use by another program`, { cause: error, details: { errno: 'EADDRINUSE' } })
    }
    return () => {
      if (fd !== undefined) libc.close(fd)
      fd = undefined
    }
  }
}

/** @returns a bound socket; undefined if the kernel does not have the protocol */
function hold(protocol: Protocol, address: string, port: number): number | undefined {
  try {
    return bound(protocol, address, port, false)
  } catch (error) {
    if (protocol === 'sctp' && hasErrno(error, 'EPROTONOSUPPORT', 'ESOCKTNOSUPPORT')) return undefined
    if (protocol !== 'tcp' || !hasErrno(error, 'EADDRINUSE')) throw error
    // Maybe only connections of a former listener in TIME_WAIT, which SO_REUSEADDR passes by, but no listener.
    return bound(protocol, address, port, true)
  }
}

function bound(protocol: Protocol, address: string, port: number, reuse: boolean): number {
  const wild = address === '' ? '0.0.0.0' : address
  const sockaddr = encodeSocketAddress(wild, port)
  const v6 = wild.includes(':')
  const type = protocol === 'udp' ? libc.SOCK_DGRAM : libc.SOCK_STREAM
  const fd = libc.socket(v6 ? libc.AF_INET6 : libc.AF_INET, type, protocol === 'sctp' ? IPPROTO_SCTP : 0)
  try {
    if (v6) libc.setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)
    if (reuse) libc.setsockopt(fd, libc.SOL_SOCKET, SO_REUSEADDR, 1)
    // Nobody reads it: let it hoard no datagrams.
    if (protocol === 'udp') libc.setsockopt(fd, libc.SOL_SOCKET, SO_RCVBUF, 1)
    libc.bind(fd, sockaddr)
    return fd
  } catch (error) {
    libc.close(fd)
    throw error
  }
}
