import assert from 'node:assert/strict'
import test from 'node:test'
import { compile } from './index.ts'

const DATA = {
  Name: '/web',
  State: { Status: 'running', Health: null, Running: true, Pid: 7 },
  List: ['a', 'b', 'c'],
  Empty: [],
  Labels: { 'com.example.x': '1', b: '2' },
  Nets: { n1: { IP: '10.0.0.1' }, n2: { IP: '10.0.0.2' } },
  Float: 1.5,
  Nothing: null,
  Label: (name: unknown) => `label ${String(name)}`,
}

test('templates give what Go gives', () => {
  const cases: [template: string, text: string][] = [
    ['plain', 'plain'],
    ['{{.Name}}', '/web'],
    ['{{ .State.Status | upper }}', 'RUNNING'],
    ['{{.State.Running}} {{.State.Pid}} {{.Float}} {{.Nothing}}', 'true 7 1.5 <nil>'],
    ['{{.List}} {{.Labels}}', '[a b c] map[b:2 com.example.x:1]'],
    ['{{json .State}}', '{"Status":"running","Health":null,"Running":true,"Pid":7}'],
    ['{{json .Name}}', '"/web"'],
    ['{{index .Labels "com.example.x"}} {{index .List 1}} [{{index .Labels "none"}}]', '1 b []'],
    ['{{(index .Nets "n2").IP}}', '10.0.0.2'],
    ['{{range .List}}<{{.}}>{{end}}', '<a><b><c>'],
    ['{{range $i, $x := .List}}{{if $i}}, {{end}}{{$i}}={{$x}}{{end}}', '0=a, 1=b, 2=c'],
    ['{{range $k, $v := .Nets}}{{$k}}:{{$v.IP}} {{end}}', 'n1:10.0.0.1 n2:10.0.0.2 '],
    ['{{range .Empty}}x{{else}}none{{end}}', 'none'],
    ['{{range .List}}{{if eq . "b"}}{{continue}}{{end}}{{.}}{{end}}', 'ac'],
    ['{{range .List}}{{if eq . "b"}}{{break}}{{end}}{{.}}{{end}}', 'a'],
    ['{{with .State}}{{.Status}} of {{$.Name}}{{end}}', 'running of /web'],
    ['{{with .State.Health}}{{.Status}}{{else}}none{{end}}', 'none'],
    ['{{if .State.Health}}yes{{else if .State.Running}}running{{else}}no{{end}}', 'running'],
    ['{{if and .State.Running (eq .State.Pid 7)}}y{{end}}', 'y'],
    ['{{if or .Missing .Nothing "x"}}y{{end}}', 'y'],
    ['{{if not .Missing}}gone{{end}}', 'gone'],
    ['{{eq .State.Status "exited" "running"}} {{ne 1 2}} {{lt 1 2}} {{ge "b" "a"}}', 'true true true true'],
    ['{{len .List}} {{len .Name}} {{len .Labels}}', '3 4 2'],
    ['{{printf "%-6s|%5d|%05.1f|%q|%v|%x" "ab" 42 1.25 "q" .List 255}}', 'ab    |   42|001.3|"q"|[a b c]|ff'],
    ['{{print 1 2 "a" 3}} {{println "x"}}', '1 2a3 x\n'],
    ['{{join .List ","}} {{split "a,b" ","}} {{title "the end"}} {{lower "ABC"}}', 'a,b,c [a b] The End abc'],
    ['{{slice "abcdef" 1 3}} {{truncate "abcdef" 3}} {{pad "x" 1 2}}|', 'bc abc  x  |'],
    ['{{.Label "a"}} {{"b" | .Label}}', 'label a label b'],
    ['{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}', '2'],
    ['a {{- "b" -}} c{{/* gone */}}', 'abc'],
    ['{{`raw "text"`}} {{"a\\tb"}} {{\'a\'}}', 'raw "text" a\tb 97'],
    ['{{println}}', '\n'],
  ]
  for (const [template, text] of cases) assert.equal(compile(template)(DATA), text, template)
})

test('mistakes', () => {
  const broken: [template: string, message: RegExp][] = [
    ['{{.Name', /template parsing error: template: :1: unclosed action/],
    ['{{if .Name}}x', /unexpected EOF/],
    ['{{end}}', /unexpected \{\{end\}\}/],
    ['{{.Name | }}', /missing value for command/],
    ['{{nosuch .Name}}', /function "nosuch" not defined/],
    ['{{.Nope}}', /map has no entry for key "Nope"/],
    ['{{.State.Health.Status}}', /nil pointer evaluating/],
    ['{{.Name.Nope}}', /can't evaluate field Nope/],
    ['{{index .List 9}}', /index out of range: 9/],
    ['{{eq 1 "1"}}', /incompatible types for comparison/],
    ['{{$x}}', /undefined variable "\$x"/],
  ]
  for (const [template, message] of broken) assert.throws(() => compile(template)(DATA), message, template)
  assert.equal(compile('{{.Nope}}', { missing: 'no value' })(DATA), '<no value>')
})
