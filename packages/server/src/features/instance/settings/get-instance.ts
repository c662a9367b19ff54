import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { OneOf, wire } from '../../../platform/http/wire.ts'
import { organizationCreation } from '../../accounts/organizations/index.ts'
import { signInMethods } from '../../accounts/sign-in/index.ts'
import { signUpMode } from '../../accounts/sign-up/index.ts'
import { serverVersion } from './server-version.ts'

const InstanceWire = wire('Instance', {
  version: Type.String({ examples: ['0.1.0'], description: 'The version of the server.' }),
  signInMethods: Type.Array(OneOf(['password', 'passkey', 'google', 'github']), {
    description: 'How users can sign in here.',
  }),
  signUp: OneOf(['open', 'invited', 'off'], {
    description:
      'Who gets an account: everybody, people with an invitation, or only those whom an administrator adds. ' +
      'The domains of the addresses may be limited too.',
  }),
  organizationCreation: OneOf(['anyone', 'admins'], {
    description: 'Who can create organizations: every user, or only administrators of the instance.',
  }),
  mail: Type.Boolean({
    description: 'Whether the server sends mails. Without, passwords cannot be reset, and links are shown instead.',
  }),
})

export const getInstance = endpoint({
  route: 'GET /api/instance',
  summary: 'Get the settings of the instance',
  description: 'What a page needs before somebody has signed in. The reply may be cached for a minute.',
  caller: 'anyone',
  permission: 'none',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  returns: { 200: InstanceWire },
  fails: [],
  async handle({ platform: { config } }) {
    const body = {
      version: serverVersion,
      signInMethods: signInMethods(config),
      signUp: signUpMode(config),
      organizationCreation: organizationCreation(config),
      mail: config.SMTP_URL !== undefined,
    }
    return { ...ok(body), headers: { 'Cache-Control': 'public, max-age=60' } }
  },
})
