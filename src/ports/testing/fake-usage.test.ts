import { usageSuite } from '#ports/usage.suite.ts'
import { FakeFiles } from './fake-files.ts'
import { FakeUsage } from './fake-usage.ts'

usageSuite('fake', () => {
  const files = new FakeFiles()
  void files.makeDirectory('/base')
  return { usage: new FakeUsage(files), files, base: '/base' }
})
