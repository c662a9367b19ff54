import { describeConformance } from './testing/describe-conformance.ts'

describeConformance('unshare', ['unshare', '--user', '--map-root-user', '--pid', '--fork', '--mount-proc', 'true'])
