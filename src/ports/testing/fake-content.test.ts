import { contentSuite } from '#ports/content.suite.ts'
import { FakeContent } from './fake-content.ts'

contentSuite('fake', () => new FakeContent())
