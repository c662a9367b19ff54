import { describeConformance } from './testing/describe-conformance.ts'

describeConformance('bubblewrap', ['bwrap', '--unshare-all', '--ro-bind', '/', '/', '--proc', '/proc', 'true'])
