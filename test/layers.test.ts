import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

const ROOT = new URL('..', import.meta.url).pathname

/** What the linter says of one planted file. */
function lint(file: string, text: string): string {
  const path = join(ROOT, file)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  try {
    return spawnSync(join(ROOT, 'node_modules/.bin/oxlint'), ['--deny-warnings', file], { cwd: ROOT, encoding: 'utf8' })
      .stdout
  } finally {
    rmSync(path)
  }
}

const violations: [string, string, RegExp][] = [
  ['lib', "import { Store } from '#ports/store.ts'", /does not let src\/lib/],
  ['model', "import { x } from '#kernel/x.ts'", /does not let src\/model/],
  ['engine/images', "import { x } from '#http/x.ts'", /does not let src\/engine/],
  ['engine/images', "import { x } from '#engine/containers/index.ts'", /comes before this resource/],
  ['engine/containers', "import { x } from '#engine/images/pull.ts'", /only through its index\.ts/],
  ['engine/containers', "import { readFile } from 'node:fs/promises'", /ask for a port/],
  ['engine/backups', "import { x } from '#targets/index.ts'", /does not let src\/engine/],
  ['engine/volumes', "import { x } from '#engine/backups/index.ts'", /comes before this resource/],
  ['targets', "import { x } from '#kernel/files/index.ts'", /does not let src\/targets/],
  ['wire', "import { createServer } from 'node:net'", /ask for a port/],
  ['cli', "import { x } from '#daemon/main.ts'", /does not let src\/cli/],
  ['http', "import { x } from '../kernel/x.ts'", /#folder\/file\.ts/],
]
for (const [folder, line, message] of violations) {
  test(`the linter finds ${line} in ${folder}`, () => {
    assert.match(
      lint(`src/${folder}/planted-${process.pid}.ts`, `${line}\nconsole.log(${/\w+(?= })/.exec(line)![0]})\n`),
      message,
    )
  })
}

test('the linter lets what the table allows pass', () => {
  const text = "import type { Store } from '#ports/store.ts'\nexport type Planted = Store\n"
  assert.match(lint(`src/engine/images/planted-${process.pid}.ts`, text), /Found 0 warnings and 0 errors/)
})
