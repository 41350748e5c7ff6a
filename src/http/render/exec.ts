import type { ExecRecord } from '#model/exec.ts'
import type { ExecInspect } from '#wire/index.ts'

/** `GET /exec/{id}/json` */
export function execInspect(exec: ExecRecord): ExecInspect {
  const [entrypoint = '', ...args] = exec.command
  return {
    ID: exec.id,
    Running: exec.running,
    ExitCode: exec.exitCode,
    ProcessConfig: {
      tty: exec.tty,
      entrypoint,
      arguments: args,
      privileged: exec.privileged,
      ...(exec.user && { user: exec.user }),
    },
    OpenStdin: exec.openStdin,
    OpenStderr: exec.openStderr,
    OpenStdout: exec.openStdout,
    CanRemove: false,
    ContainerID: exec.containerId,
    DetachKeys: exec.detachKeys,
    Pid: exec.pid,
  }
}
