import { archivesSuite } from '#ports/archives.suite.ts'
import { FakeArchives } from './fake-archives.ts'

archivesSuite('fake', async () => {
  const archives = new FakeArchives()
  let trees = 0
  return {
    archives,
    tree: async files => {
      const directory = `/tree-${trees++}`
      archives.trees.set(directory, new Map(Object.entries(files)))
      return directory
    },
    write: async (directory, path, content) => void archives.trees.get(directory)!.set(path, content),
    remove: async (directory, path) => void archives.trees.get(directory)!.delete(path),
    files: async directory => Object.fromEntries(archives.trees.get(directory)!),
    index: archive => archives.index(archive),
    close: async () => {},
  }
})
