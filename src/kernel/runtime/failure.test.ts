import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runtimeFailure } from './failure.ts'

const cases: [text: string, command: string, reason: string, message: RegExp][] = [
  [
    'executable file `nope` not found in $PATH: No such file or directory\n',
    'nope',
    'command-not-found',
    /exec: "nope": executable file not found in \$PATH$/,
  ],
  [
    'executable file `/nope` not found in $PATH: No such file or directory\n',
    '/nope',
    'command-not-found',
    /exec: "\/nope": stat \/nope: no such file or directory$/,
  ],
  ['open executable: Permission denied\n', '/etc/passwd', 'not-executable', /"\/etc\/passwd": permission denied$/],
  ['open executable: Operation not permitted\n', '/etc', 'not-executable', /"\/etc": is a directory$/],
  [
    'runc create failed: unable to start container process: exec: "/nope": stat /nope: no such file or directory\n',
    '/nope',
    'command-not-found',
    /stat \/nope: no such file or directory$/,
  ],
  [
    'runc create failed: unable to start container process: exec: "/x": permission denied\n',
    '/x',
    'not-executable',
    /"\/x": permission denied$/,
  ],
  [
    'mount `/a` to `b`: No such file or directory\n',
    'sh',
    'other',
    /^OCI runtime create failed: mount `\/a` to `b`: No such file or directory$/,
  ],
]

test('the words of crun and runc become reasons and the words of Docker', () => {
  for (const [text, command, reason, message] of cases) {
    const error = runtimeFailure('create', text, command)
    assert.equal(error.details.reason, reason, text)
    assert.match(error.message, message)
  }
})
