import { rmSync, statSync } from 'node:fs'
import type { LogLine, Logs, ReadLogOptions } from '#ports/logs.ts'
import { logNames } from './files.ts'
import { LogReader } from './reader.ts'
import { LogRotation, type RotationLimits } from './rotate.ts'

export class KernelLogs implements Logs {
  read(path: string, options: ReadLogOptions): AsyncIterable<LogLine> {
    return new LogReader(path, options).lines()
  }

  rotate(path: string, limits: RotationLimits, reopen: () => Promise<void>): () => void {
    const rotation = new LogRotation(path, limits, reopen)
    rotation.start()
    return () => rotation.stop()
  }

  async size(path: string): Promise<number> {
    return logNames(path).reduce((sum, name) => sum + (statSync(name, { throwIfNoEntry: false })?.blocks ?? 0) * 512, 0)
  }

  async remove(path: string): Promise<void> {
    for (const name of [...logNames(path), `${path}.tmp`]) rmSync(name, { force: true })
  }
}
