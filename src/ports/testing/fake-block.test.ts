import { blockSuite } from '#ports/block.suite.ts'
import { FakeBlock } from './fake-block.ts'
import { FakeFiles } from './fake-files.ts'
import { FakeMounts } from './fake-mounts.ts'

let serial = 0

blockSuite('fake', () => {
  const [mounts, files, base] = [new FakeMounts(), new FakeFiles(), `/base${serial++}`]
  void files.makeDirectory(base)
  return {
    block: new FakeBlock(files, mounts),
    mounts,
    base,
    directory: () => `/dir${serial++}`,
  }
})
