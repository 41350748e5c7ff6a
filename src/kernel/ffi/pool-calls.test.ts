import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

test('a buffer that only a pool call knows is not collected while the call runs', () => {
  const program = `
    import { native, promised, write } from '#kernel/ffi/libc.ts'
    const pipe = native('int pipe(_Out_ int *fds)')
    const read = native('long read(int fd, _Out_ uint8_t *buffer, size_t length)')
    const fds = [0, 0]
    pipe()(fds)
    let collected = 0
    const registry = new FinalizationRegistry(() => collected++)
    const begin = () => {
      const buffer = Buffer.alloc(100_000)
      registry.register(buffer.buffer)
      return promised(read(), 'read', fds[0], buffer, 100)
    }
    const done = begin()
    for (let turn = 0; turn < 3; turn++) {
      gc()
      await new Promise(resolve => setTimeout(resolve, 10))
    }
    const early = collected
    write(fds[1], Buffer.from('hi'))
    console.log(await done, early)`
  const args = ['--expose-gc', '--input-type=module-typescript', '-e', program]
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', cwd: import.meta.dirname })
  assert.equal(stdout, '2 0\n', stderr)
})
