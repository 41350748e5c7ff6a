/** An exec instance (API: `GET /exec/{id}/json`). Lives in memory and in the exec-root, never in the database. */
export interface ExecRecord {
  id: string
  containerId: string
  running: boolean
  exitCode: number | null
  pid: number
  openStdin: boolean
  openStdout: boolean
  openStderr: boolean
  tty: boolean
  detachKeys: string
  user: string
  privileged: boolean
  env: string[]
  workingDir: string
  command: string[]
  consoleSize: [number, number] | null
}
