import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { started } from '../support/containers.ts'
import { TestDaemon } from '../support/daemon.ts'
import { Machines } from '../support/machines.ts'

let machines: Machines
let daemon: TestDaemon

before(async () => {
  machines = new Machines()
  daemon = new TestDaemon([], { netns: machines.path() })
  await daemon.start()
  await daemon.loadBusybox()
})
after(async () => {
  await daemon.dispose()
  machines.remove()
})

test('another machine reaches a published port', async () => {
  machines.add('client')
  await started(daemon, 'web', ['sh', '-c', 'echo hello > /tmp/index.html; exec httpd -f -p 80 -h /tmp'], {
    ExposedPorts: { '80/tcp': {} },
    HostConfig: { PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '8080' }] } },
  })
  const { stdout, stderr } = machines.on('client', ['curl', '-s', '-m', '5', `http://${machines.address}:8080/`])
  assert.equal(stdout, 'hello\n', stderr)
})
