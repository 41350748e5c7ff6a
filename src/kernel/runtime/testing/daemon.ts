// A daemon that starts a container and is killed: `node daemon.ts EXEC_ROOT DATA_ROOT ID CGROUP_PARENT`.
import { join } from 'node:path'
import { openRuntime } from '../open.ts'
import { specOf } from './rootfs.ts'

const [execRoot = '', dataRoot = '', id = '', parent = ''] = process.argv.slice(2)
const { runtime } = openRuntime({ execRoot, dataRoot })
const script = 'i=0; while [ ! -e /tmp/stop ]; do i=$((i+1)); echo $i; sleep 0.02; done; exit 21'
const spec = specOf(join(dataRoot, 'rootfs'), `${parent}/${id}`, ['sh', '-c', script])
await runtime.create({
  id,
  spec,
  tty: false,
  stdin: false,
  stdinOnce: false,
  log: { path: join(dataRoot, 'survivor.log') },
})
await runtime.start(id)
process.stdout.write('started\n')
setInterval(() => {}, 1000)
