import { blockSuite } from '#ports/block.suite.ts'
import { FakeBlock } from './fake-block.ts'
import { FakeFiles } from './fake-files.ts'
import { FakeMounts } from './fake-mounts.ts'

let serial = 0

blockSuite('fake', () => {
  const mounts = new FakeMounts()
  return {
    block: new FakeBlock(new FakeFiles(), mounts),
    mounts,
    base: `/base${serial++}`,
    directory: () => `/dir${serial++}`,
  }
})
