import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDotenv } from './dotenv.ts'

test('reads the forms that users write', () => {
  const text = [
    '# comment',
    'A=1',
    'export B=two words # comment',
    "C='literal $A \\n'",
    'D="line\\nbreak ${A}"',
    'E=',
    'F=a#b',
    'G="first',
    'second"',
    'FROM_SHELL',
    'MISSING',
    'H=${A}${FROM_SHELL}',
    'I="cost \\$5"',
  ].join('\n')
  assert.deepEqual(
    parseDotenv(text, '.env', name => (name === 'FROM_SHELL' ? 'shell' : undefined)),
    {
      A: '1',
      B: 'two words',
      C: 'literal $A \\n',
      D: 'line\nbreak 1',
      E: '',
      F: 'a#b',
      G: 'first\nsecond',
      FROM_SHELL: 'shell',
      H: '1shell',
      I: 'cost $5',
    },
  )
})

test('names file and line of what it cannot read', () => {
  assert.throws(() => parseDotenv('A=1\n=x', '/p/.env', () => undefined), {
    kind: 'invalid',
    message: /^\/p\/\.env:2: /,
  })
  assert.throws(() => parseDotenv('A="x', '.env', () => undefined), /quote that opens A is never closed/)
})
