import assert from 'node:assert/strict'
import test from 'node:test'
import type { FlagTable } from './command.ts'
import { checkArgumentCount, parseFlags } from './parse.ts'
import { suggest } from './suggest.ts'
import { parseBytes, parseCpus, parseCsv, parseDuration, parseInteger } from './values.ts'

const TABLE = {
  all: { type: 'bool', short: 'a', help: '' },
  env: { type: 'list', short: 'e', help: '' },
  interactive: { type: 'bool', short: 'i', help: '' },
  last: { type: 'int', short: 'n', default: -1, help: '' },
  memory: { type: 'bytes', short: 'm', help: '' },
  name: { type: 'string', help: '' },
  old: { type: 'bool', deprecated: 'use --new', help: '' },
  opt: { type: 'map', short: 'o', help: '' },
  proxy: { type: 'bool', default: true, help: '' },
  publish: { type: 'list', short: 'p', help: '' },
  subnet: { type: 'strings', help: '' },
  tty: { type: 'bool', short: 't', help: '' },
  filter: { type: 'filter', short: 'f', help: '' },
} as const satisfies FlagTable

const parse = (line: string, interspersed = true) =>
  parseFlags(TABLE, line.split(' ').filter(Boolean), { interspersed })

test('every way to write a flag', () => {
  const cases: [line: string, flag: keyof typeof TABLE, value: unknown][] = [
    ['--name=x', 'name', 'x'],
    ['--name x', 'name', 'x'],
    ['--name=', 'name', ''],
    ['-it', 'interactive', true],
    ['-it', 'tty', true],
    ['-itp80:80', 'publish', ['80:80']],
    ['-p80:80 -p 81:81 -p=82:82', 'publish', ['80:80', '81:81', '82:82']],
    ['--proxy=false', 'proxy', false],
    ['', 'proxy', true],
    ['-a=false', 'all', false],
    ['-n5', 'last', 5],
    ['-n -1', 'last', -1],
    ['-m 512m', 'memory', 512 * 2 ** 20],
    ['-o a=b -o c --opt d=e=f', 'opt', { a: 'b', c: '', d: 'e=f' }],
    ['--subnet 10.0.0.0/8,fd00::/8 --subnet x', 'subnet', ['10.0.0.0/8', 'fd00::/8', 'x']],
    ['-f label=a=b -f label=c -f Status=up', 'filter', { label: ['a=b', 'c'], status: ['up'] }],
  ]
  for (const [line, flag, value] of cases) assert.deepEqual(parse(line).flags[flag], value, line)
})

test('arguments: interspersed or not, and --', () => {
  assert.deepEqual(parse('a --all b -- --name').args, ['a', 'b', '--name'])
  const run = parse('-e A=1 image -e B=2 --all', false)
  assert.deepEqual(run.args, ['image', '-e', 'B=2', '--all'])
  assert.deepEqual(run.flags['env'], ['A=1'])
  assert.deepEqual(parse('- x').args, ['-', 'x'])
  assert.deepEqual(Array.from(parse('--all -n 1').changed), ['all', 'last'])
})

test("mistakes are told in the words of Docker's client", () => {
  const cases: [line: string, message: string][] = [
    ['--foo', 'unknown flag: --foo'],
    ['-z', "unknown shorthand flag: 'z' in -z"],
    ['-iz', "unknown shorthand flag: 'z' in -iz"],
    ['--name', 'flag needs an argument: --name'],
    ['-p', "flag needs an argument: 'p' in -p"],
    ['-n abc', 'invalid argument "abc" for "-n, --last" flag: strconv.ParseInt: parsing "abc": invalid syntax'],
    [
      '--all=maybe',
      'invalid argument "maybe" for "-a, --all" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
    ],
    ['-m xx', 'invalid argument "xx" for "-m, --memory" flag: invalid size: \'xx\''],
    ['-f foo', 'invalid argument "foo" for "-f, --filter" flag: bad format of filter (expected name=value)'],
  ]
  for (const [line, message] of cases) assert.throws(() => parse(line), { message, exitCode: 125 }, line)
})

test('help and deprecations', () => {
  assert.equal(parse('--help').help, true)
  assert.equal(parse('-h').help, true)
  assert.deepEqual(parse('--old --old').warnings, ['Flag --old has been deprecated, use --new'])
})

test('argument counts', () => {
  const message = (range: [number, number], count: number) => {
    try {
      checkArgumentCount('berth x', range, count)
      return ''
    } catch (error) {
      return (error as Error).message
    }
  }
  assert.equal(message([1, 1], 1), '')
  assert.equal(message([0, 0], 1), "'berth x' accepts no arguments")
  assert.equal(message([2, 2], 1), "'berth x' requires 2 arguments")
  assert.equal(message([1, Infinity], 0), "'berth x' requires at least 1 argument")
  assert.equal(message([0, 1], 2), "'berth x' requires at most 1 argument")
  assert.equal(message([1, 2], 3), "'berth x' requires at least 1 and at most 2 arguments")
})

test('values', () => {
  assert.equal(parseDuration('1h2m3.5s'), 3_723_500_000_000)
  assert.equal(parseDuration('-1.5ms'), -1_500_000)
  assert.throws(() => parseDuration('5'), { message: 'time: missing unit in duration "5"' })
  assert.throws(() => parseDuration('x'), { message: 'time: invalid duration "x"' })
  assert.equal(parseBytes('1.5GiB'), 1.5 * 2 ** 30)
  assert.equal(parseBytes('10'), 10)
  assert.equal(parseBytes('-1'), -1)
  assert.equal(parseCpus('1.5'), 1_500_000_000)
  assert.equal(parseCpus('.5'), 500_000_000)
  assert.throws(() => parseCpus('x'), { message: 'failed to parse x as a rational number' })
  assert.equal(parseInteger('0x10'), 16)
  assert.deepEqual(parseCsv('a,"b,c",d""e'), ['a', 'b,c', 'd""e'])
  assert.deepEqual(parseCsv('"x ""y"""'), ['x "y"'])
})

test('suggestions', () => {
  const names = ['ps', 'pull', 'push', 'pause', 'images', 'image', 'inspect', 'logs']
  assert.deepEqual(suggest('pss', names), ['ps'])
  assert.deepEqual(suggest('pul', names), ['pull'])
  assert.deepEqual(suggest('iamges', names), ['images'])
  assert.deepEqual(suggest('insp', names), ['inspect'])
  assert.deepEqual(suggest('zzzzzz', names), [])
})
