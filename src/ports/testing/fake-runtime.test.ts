import type { CreateOptions, ExecOptions } from '../runtime.ts'
import { runtimeSuite } from '../runtime.suite.ts'
import { FakeRuntime } from './fake-runtime.ts'

let count = 0
const process = { user: { uid: 0, gid: 0 }, args: ['obey'], env: [], cwd: '/' }

runtimeSuite('fake', () => {
  const runtime = new FakeRuntime()
  return {
    runtime,
    container(): CreateOptions {
      const spec = { ociVersion: '1.0.2', process, root: { path: '/' }, mounts: [], linux: { namespaces: [] } }
      return { id: `c${++count}`, spec, tty: false, stdin: true, stdinOnce: true, log: {} }
    },
    exec: (containerId): ExecOptions => ({ containerId, execId: `e${++count}`, process, stdin: true }),
    say: async (ref, text) => runtime.print(ref, 'stdout', `${text}\n`),
    exit: async (ref, code) => runtime.end(ref, code),
  }
})
