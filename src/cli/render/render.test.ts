import assert from 'node:assert/strict'
import test from 'node:test'
import { renderRows, type Listing } from './format.ts'
import { progressText } from './progress.ts'
import { table, textWidth } from './table.ts'
import { ago, bytesSize, ellipsis, humanDuration, humanSize, shortId } from './units.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

test('durations as Docker says them', () => {
  const cases: [ms: number, text: string][] = [
    [400, 'Less than a second'],
    [SECOND, '1 second'],
    [59 * SECOND, '59 seconds'],
    [60 * SECOND, 'About a minute'],
    [119 * SECOND, 'About a minute'],
    [2 * MINUTE, '2 minutes'],
    [60 * MINUTE, 'About an hour'],
    [89 * MINUTE, 'About an hour'],
    [90 * MINUTE, '2 hours'],
    [47 * HOUR, '47 hours'],
    [48 * HOUR, '2 days'],
    [13 * DAY, '13 days'],
    [14 * DAY, '2 weeks'],
    [59 * DAY, '8 weeks'],
    [60 * DAY, '2 months'],
    [729 * DAY, '24 months'],
    [731 * DAY, '2 years'],
  ]
  for (const [ms, text] of cases) assert.equal(humanDuration(ms), text, String(ms))
  assert.equal(ago(0, 3 * SECOND), '3 seconds ago')
})

test('sizes as Docker says them', () => {
  assert.deepEqual(
    [0, 999, 1000, 1234567, 2060000, 1e12].map(size => humanSize(size, 3)),
    ['0B', '999B', '1kB', '1.23MB', '2.06MB', '1TB'],
  )
  assert.equal(humanSize(1234567), '1.235MB')
  assert.equal(humanSize(999_999, 3), '1e+03kB')
  assert.deepEqual([0, 1024, 1536, 25_276_000_000].map(bytesSize), ['0B', '1KiB', '1.5KiB', '23.54GiB'])
  assert.equal(ellipsis('sh -c sleep 1000 and more', 20), 'sh -c sleep 1000 an…')
  assert.equal(shortId('sha256:0123456789abcdef'), '0123456789ab')
})

test('tables: at least ten wide, three between, the last column open', () => {
  assert.equal(
    table([
      ['ID', 'NAME', 'X'],
      ['0123456789ab', 'n', 'y'],
    ]),
    'ID             NAME      X\n0123456789ab   n         y\n',
  )
  assert.equal(textWidth('日本'), 4)
})

test('a terminal too narrow costs the widest column, never the heading', () => {
  const text = table(
    [
      ['ID', 'COMMAND', 'NAMES'],
      ['0123456789ab', 'a'.repeat(60), 'web'],
    ],
    60,
  )
  for (const line of text.trimEnd().split('\n')) assert.ok(textWidth(line) <= 60, line)
  assert.match(text, /0123456789ab {3}a+… +web\n$/)
})

test('formats of lists', () => {
  const listing: Listing = { headings: { ID: 'THE ID', Name: 'NAME' }, columns: ['ID', 'Name'], quiet: 'ID' }
  const rows = [{ ID: '1', Name: 'a', Label: (name: unknown) => `<${String(name)}>` }]
  const render = (format: string, quiet = false) => renderRows(rows, listing, { format, quiet })
  assert.equal(render(''), 'THE ID    NAME\n1         a\n')
  assert.equal(render('table'), render(''))
  assert.equal(render('', true), '1\n')
  assert.equal(render('json'), '{"ID":"1","Name":"a"}\n')
  assert.equal(render('{{.ID}}\\t{{.Name | upper}}'), '1\tA\n')
  assert.equal(
    render('table {{.Name}}\\t{{.Label "com.example.role"}}'),
    'NAME      role\na         <com.example.role>\n',
  )
  assert.throws(() => render('{{.Nope}}'), /map has no entry for key "Nope"/)
})

test('progress fits the terminal', () => {
  const message = { progressDetail: { current: 500, total: 1000 } }
  assert.equal(progressText(message, 200), `[${'='.repeat(25)}>${' '.repeat(25)}]  500B/1kB`)
  assert.equal(progressText(message, 50), '500B/1kB')
  assert.equal(progressText({}, 100), '')
})
