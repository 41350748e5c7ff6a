import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { decodeTrailer, TRAILER_SIZE, unwrapIndex } from '#codec/backup/index.ts'
import { archivesSuite } from '#ports/archives.suite.ts'
import { HostArchives } from './host-archives.ts'

archivesSuite('host', async () => {
  const root = fs.mkdtempSync(join(tmpdir(), 'berth-archives-'))
  const archives = new HostArchives()
  const write = async (directory: string, path: string, content: string) => {
    fs.mkdirSync(dirname(join(directory, path)), { recursive: true })
    fs.writeFileSync(join(directory, path), content)
  }
  return {
    archives,
    write,
    tree: async files => {
      const directory = fs.mkdtempSync(join(root, 'tree-'))
      for (const [path, content] of Object.entries(files)) await write(directory, path, content)
      return directory
    },
    remove: async (directory, path) => fs.rmSync(join(directory, path)),
    files: async directory => {
      const found: Record<string, string> = {}
      for (const entry of fs.readdirSync(directory, { recursive: true, withFileTypes: true })) {
        const path = join(entry.parentPath, entry.name)
        if (entry.isFile()) found[relative(directory, path)] = fs.readFileSync(path, 'utf8')
      }
      return found
    },
    index: archive => {
      const trailer = decodeTrailer(archive.subarray(-TRAILER_SIZE))!
      const { format, indexOffset, indexLength } = trailer
      return unwrapIndex(format, archive.subarray(indexOffset, indexOffset + indexLength))
    },
    close: async () => {
      archives.close()
      fs.rmSync(root, { recursive: true })
    },
  }
})
