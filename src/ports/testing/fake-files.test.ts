import { filesSuite } from '#ports/files.suite.ts'
import { FakeFiles } from './fake-files.ts'

filesSuite('fake', () => {
  const files = new FakeFiles()
  void files.makeDirectory('/base')
  return { files, base: '/base' }
})
