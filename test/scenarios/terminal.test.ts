import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import { TestDaemon, dockerClient } from '../support/daemon.ts'
import { Terminal } from '../support/pty.ts'
import { ok, TOOLS, until } from '../support/tools.ts'

const CTRL_C = '\x03'
const CTRL_D = '\x04'
const DETACH = '\x10\x11'

const python = spawnSync('python3', ['--version']).status === 0
const daemon = new TestDaemon()
before(async () => {
  await daemon.start()
  await daemon.loadBusybox()
})
after(() => daemon.dispose())

const statusOf = async (name: string) => (await daemon.client.containers.inspect(name)).State.Status

for (const tool of TOOLS) {
  const skip =
    (!python && 'python3 is not installed') ||
    (tool === 'docker' && !dockerClient && 'the docker client is not installed')
  describe(`a terminal with ${tool}`, { skip }, () => {
    test('run -it: a terminal, an interrupt, the exit code', async () => {
      const terminal = new Terminal(daemon, tool, ['run', '-it', '--rm', 'busybox', 'sh'])
      await terminal.see(/\/ # /)
      terminal.type('tty; echo $TERM\r')
      await terminal.see(/\/dev\/pts\/0\r\nxterm\r\n/)
      // By what it prints one knows that the shell has given the terminal to the command.
      terminal.type('echo be""gun; sleep 100\r')
      await terminal.see(/begun\r\n/)
      terminal.type(CTRL_C)
      // What is typed before the shell has the terminal back, it throws away.
      await terminal.see(/\^C[^]*\/ # /)
      terminal.type('exit 42\r')
      assert.equal(await terminal.ended(), 42)
    })

    test('run -it: the first size and every later one arrive', async () => {
      const terminal = new Terminal(daemon, tool, ['run', '-it', '--rm', 'busybox', 'sh'])
      await terminal.see(/\/ # /)
      await sized(terminal, '24 80')
      terminal.resize(50, 132)
      await sized(terminal, '50 132')
      terminal.resize(10, 40)
      await sized(terminal, '10 40')
      terminal.type(CTRL_D)
      assert.equal(await terminal.ended(), 0)
    })

    test('exec -it: size, resize, exit code', async () => {
      const name = `exec-${tool}`
      await ok(daemon, tool, ['run', '-d', '--name', name, 'busybox', 'sleep', '1000'])
      const terminal = new Terminal(daemon, tool, ['exec', '-it', name, 'sh'])
      await terminal.see(/\/ # /)
      await sized(terminal, '24 80')
      terminal.resize(33, 99)
      await sized(terminal, '33 99')
      terminal.type('exit 5\r')
      assert.equal(await terminal.ended(), 5)
      assert.equal(await statusOf(name), 'running')
    })

    test('Ctrl-P Ctrl-Q leaves a container running, attach takes it up again', async () => {
      const name = `detach-${tool}`
      const first = new Terminal(daemon, tool, ['run', '-it', '--name', name, 'busybox', 'sh'])
      await first.see(/\/ # /)
      first.type('kept=value\r')
      await first.see(/\/ # /)
      first.type(DETACH)
      await first.ended()
      assert.equal(await statusOf(name), 'running')

      const second = new Terminal(daemon, tool, ['attach', name])
      // Nothing is replayed: the prompt comes when one asks for it.
      await until('a prompt', async () => {
        second.type('\r')
        return second.text.includes('/ # ') || undefined
      })
      second.type('echo is:$kept\r')
      await second.see(/is:value/)
      // A lone Ctrl-P is passed on.
      second.type('\x10')
      second.type('echo again\r')
      await second.see(/again\r\n/)
      second.type(DETACH)
      await second.ended()
      assert.equal(await statusOf(name), 'running')

      const third = new Terminal(daemon, tool, ['attach', '--detach-keys', 'ctrl-x,x', name])
      await until('a prompt', async () => {
        third.type('\r')
        return third.text.includes('/ # ') || undefined
      })
      third.type('exit 3\r')
      assert.equal(await third.ended(), 3)
      assert.equal(await statusOf(name), 'exited')
    })

    test('exec -it: Ctrl-P Ctrl-Q leaves the command running', async () => {
      const name = `execd-${tool}`
      await ok(daemon, tool, ['run', '-d', '--name', name, 'busybox', 'sleep', '1000'])
      const terminal = new Terminal(daemon, tool, ['exec', '-it', name, 'sh', '-c', 'echo ready; exec sleep 999'])
      await terminal.see(/ready/)
      terminal.type(DETACH)
      await terminal.ended()
      assert.match(await ok(daemon, tool, ['top', name]), /sleep 999/)
    })

    test('start -ai takes a stopped one up, with its terminal', async () => {
      const name = `again-${tool}`
      await ok(daemon, tool, ['create', '-it', '--name', name, 'busybox', 'sh'])
      const terminal = new Terminal(daemon, tool, ['start', '-ai', name])
      await terminal.see(/\/ # /)
      await sized(terminal, '24 80')
      terminal.type('exit 9\r')
      assert.equal(await terminal.ended(), 9)
    })

    test('a megabyte through a terminal arrives whole', async () => {
      const terminal = new Terminal(daemon, tool, [
        'run',
        '-it',
        '--rm',
        'busybox',
        'sh',
        '-c',
        'seq 150000; echo the end',
      ])
      assert.equal(await terminal.ended(), 0)
      const lines = terminal.text.trim().split('\r\n')
      assert.equal(lines.length, 150_001)
      assert.equal(lines.at(-1), 'the end')
      assert.ok(lines.slice(0, -1).every((line, i) => line === String(i + 1)))
    })
  })
}

/** The resize goes beside the stream: asks until it has arrived. */
async function sized(terminal: Terminal, size: string): Promise<void> {
  await until(`stty size ${size}`, async () => {
    terminal.type('stty size\r')
    const [, seen] = await terminal.see(/(\d+ \d+)\r\n[^]*?\/ # /)
    return seen === size || undefined
  })
}
