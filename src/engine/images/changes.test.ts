import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { applyChanges } from './changes.ts'

describe('changes', () => {
  const cases: [change: string, result: Record<string, unknown>][] = [
    ['CMD ["a", "b c"]', { Cmd: ['a', 'b c'] }],
    ['cmd echo "$HOME"', { Cmd: ['/bin/sh', '-c', 'echo "$HOME"'] }],
    ['ENTRYPOINT ["/tini", "--"]', { Entrypoint: ['/tini', '--'] }],
    ['ENTRYPOINT run it', { Entrypoint: ['/bin/sh', '-c', 'run it'] }],
    ['ENV A=1 B="two words" C=\\$x', { Env: ['A=1', 'B=two words', 'C=$x'] }],
    ['ENV A the rest of it', { Env: ['A=the rest of it'] }],
    ['ENV A=1\nENV B=${A}-${NONE:-d}${A:+p} A=2', { Env: ['B=1-dp', 'A=2'] }],
    ["LABEL a=b 'c d'=e", { Labels: { a: 'b', 'c d': 'e' } }],
    ['EXPOSE 80 53/udp 8000-8001', { ExposedPorts: { '80/tcp': {}, '53/udp': {}, '8000/tcp': {}, '8001/tcp': {} } }],
    ['USER app:group', { User: 'app:group' }],
    ['VOLUME /data /more', { Volumes: { '/data': {}, '/more': {} } }],
    ['VOLUME ["/a b"]', { Volumes: { '/a b': {} } }],
    ['WORKDIR /app\nWORKDIR sub/../x', { WorkingDir: '/app/x' }],
    ['STOPSIGNAL SIGQUIT', { StopSignal: 'SIGQUIT' }],
    ['ONBUILD RUN make', { OnBuild: ['RUN make'] }],
    ['HEALTHCHECK NONE', { Healthcheck: { Test: ['NONE'] } }],
    [
      'HEALTHCHECK --interval=1m30s --timeout=500ms --retries=4 CMD curl -f localhost || exit 1',
      {
        Healthcheck: {
          Interval: 90e9,
          Timeout: 5e8,
          Retries: 4,
          Test: ['CMD-SHELL', 'curl -f localhost || exit 1'],
        },
      },
    ],
    ['HEALTHCHECK --start-period=0 CMD ["a"]', { Healthcheck: { StartPeriod: 0, Test: ['CMD', 'a'] } }],
    ['# nothing', {}],
  ]
  for (const [change, result] of cases) {
    it(change.split('\n')[0]!, () => assert.deepEqual(applyChanges({}, [change]), result))
  }

  it('adds to what is there and leaves the given one alone', () => {
    const before = { Env: ['PATH=/bin', 'A=1'], Labels: { x: 'y' } }
    const after = applyChanges(before, ['ENV A=2', 'ENV PATH=$PATH:/opt', 'LABEL z=1'])
    assert.deepEqual(after, { Env: ['A=2', 'PATH=/bin:/opt'], Labels: { x: 'y', z: '1' } })
    assert.deepEqual(before, { Env: ['PATH=/bin', 'A=1'], Labels: { x: 'y' } })
  })

  const wrong: [change: string, message: RegExp][] = [
    ['RUN x', /RUN is not a valid change command/],
    ['COPY a b', /not a valid change/],
    ['CMD', /CMD requires at least one argument/],
    ['ENV A', /ENV must have two arguments/],
    ['ENV A=1 B', /can't find = in "B"/],
    ['ENV =1', /names can not be blank/],
    ['EXPOSE 0', /invalid containerPort: 0/],
    ['EXPOSE 80/icmp', /invalid containerPort/],
    ['EXPOSE 9-8', /invalid containerPort/],
    ['USER a b', /exactly one argument/],
    ['VOLUME [""]', /can not be an empty string/],
    ['STOPSIGNAL 99', /invalid signal: 99/],
    ['ONBUILD ONBUILD RUN x', /Chaining ONBUILD/],
    ['ONBUILD FROM x', /isn't allowed/],
    ['HEALTHCHECK RUN x', /Unknown type "RUN" in HEALTHCHECK/],
    ['HEALTHCHECK CMD', /Missing command/],
    ['HEALTHCHECK --interval=1 CMD x', /invalid duration "1"/],
    ['HEALTHCHECK --interval=1us CMD x', /cannot be less than 1ms/],
    ['HEALTHCHECK --frequency=1s CMD x', /Unknown flag: frequency/],
  ]
  for (const [change, message] of wrong) {
    it(`refuses ${change}`, () => assert.throws(() => applyChanges({}, [change]), { kind: 'invalid', message }))
  }
})
