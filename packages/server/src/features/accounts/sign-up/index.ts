import { list, oneOf } from '../../../platform/config/variables.ts'
import { feature } from '../../../platform/http/feature.ts'
import { checkDomainPattern } from './email-domain.ts'

export {
  refusalOfAddress,
  refusalOfInvited,
  refusalOfSignUp,
  refusalTexts,
  signUpMode,
  type AccountRefusal,
} from './new-account.ts'

const problems = {
  'sign-up-closed': { status: 403, title: 'Sign-Up Closed' },
  'email-domain-refused': { status: 403, title: 'E-Mail Domain Refused' },
} as const
const variables = {
  SIGN_UP: oneOf(['open', 'invited', 'off'], {
    meaning:
      'Who gets an account: everybody, people with a pending invitation, or only those whom an administrator of the ' +
      'instance adds. Without a mail server, only the link of an invitation shows that a person is invited. Existing ' +
      'accounts are not affected.',
    fallback: 'open',
  }),
  SIGN_UP_DOMAINS: list({
    meaning:
      'Domains of the e-mail addresses that get an account, and to which users can change; `*.example.com` stands ' +
      'for the sub-domains alone. An invited person gets an account with any address.',
    type: 'comma-separated domains',
    fallback: [],
    defaultText: '(any)',
    check: checkDomainPattern,
  }),
} as const

declare module '../../../platform/vocabulary/vocabulary.ts' {
  interface ProblemCatalogue extends Readonly<typeof problems> {}
  interface ConfigVariables extends Readonly<typeof variables> {}
}

export const signUpFeature = feature({
  folder: 'accounts/sign-up',
  tag: 'Sign-up',
  description: 'Who gets an account on this instance.',
  problems,
  variables,
  endpoints: {},
})
