import { targetsSuite } from '../targets.suite.ts'
import { FakeTargets } from './fake-targets.ts'

targetsSuite('fake', async () => ({ target: await new FakeTargets().open('s3://bucket/prefix', {}) }))
