import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { OciSpec } from '#model/oci.ts'

/** A root file system with nothing but static busybox. */
export function makeRootfs(directory: string): void {
  for (const name of ['bin', 'dev', 'etc', 'proc', 'root', 'sys', 'tmp']) {
    mkdirSync(join(directory, name), { recursive: true })
  }
  copyFileSync('/bin/busybox', join(directory, 'bin/busybox'))
  const applets = execFileSync('/bin/busybox', ['--list'], { encoding: 'utf8' }).trim().split('\n')
  for (const applet of applets) if (applet !== 'busybox') symlinkSync('busybox', join(directory, 'bin', applet))
}

/** A plain container: own namespaces, no network but loopback. */
export function specOf(rootfs: string, cgroupsPath: string, args: string[], tty = false): OciSpec {
  const capabilities = ['CAP_KILL', 'CAP_SETUID', 'CAP_SETGID', 'CAP_DAC_OVERRIDE']
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: tty,
      user: { uid: 0, gid: 0 },
      args,
      env: ['PATH=/bin', 'TERM=xterm'],
      cwd: '/',
      capabilities: {
        bounding: capabilities,
        effective: capabilities,
        inheritable: [],
        permitted: capabilities,
        ambient: [],
      },
      noNewPrivileges: true,
    },
    root: { path: rootfs, readonly: false },
    hostname: 'test',
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] },
      { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['newinstance', 'ptmxmode=0666'] },
    ],
    linux: {
      namespaces: ['pid', 'network', 'ipc', 'uts', 'mount'].map(type => ({ type })),
      cgroupsPath,
      resources: {},
    },
  }
}
