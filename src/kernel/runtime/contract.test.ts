import type { Attachment, ProcessRef } from '#ports/runtime.ts'
import { runtimeSuite } from '#ports/runtime.suite.ts'
import { findOciProgram, findOciProgramNamed } from './probe.ts'
import { RuntimeFixture } from './testing/harness.ts'
import { specOf } from './testing/rootfs.ts'

/** Obeys lines of stdin. */
const OBEY = ['sh', '-c', 'while read verb rest; do case $verb in say) echo "$rest";; exit) exit $rest;; esac; done']

const fixture = new RuntimeFixture()

for (const oci of [findOciProgram(), findOciProgramNamed('runc')]) {
  if (!oci) continue
  const { runtime } = fixture.open(oci)
  const clients = new Map<string, Attachment>()
  const tell = async (ref: ProcessRef, line: string) => {
    // Kept open: the end of a client is the end of an exec's stdin.
    const key = `${ref.containerId}/${ref.execId}`
    const client = clients.get(key) ?? (await runtime.attach(ref))
    clients.set(key, client)
    client.stdin.write(Buffer.from(line))
  }
  runtimeSuite(oci.name, () => ({
    runtime,
    container: () => fixture.options(OBEY, { stdin: true }),
    exec: containerId => ({ containerId, execId: fixture.id(), process: specOf('', '', OBEY).process, stdin: true }),
    say: (ref, text) => tell(ref, `say ${text}\n`),
    exit: (ref, code) => tell(ref, `exit ${code}\n`),
  }))
}
