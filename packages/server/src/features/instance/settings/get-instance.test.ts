import { describe, expect, it } from 'vitest'
import { describeEndpoint } from '../../../testing/describe-endpoint.ts'
import { openWorld } from '../../../testing/world.ts'
import { getInstance } from './get-instance.ts'

describeEndpoint(getInstance, { given: async () => undefined, call: () => ({}) })

describe('the settings of the instance', () => {
  const read = async (environment: Readonly<Record<string, string>>) => {
    const world = await openWorld({ environment })
    try {
      return await world.send('GET /api/instance')
    } finally {
      await world.close()
    }
  }

  it('show the defaults, and may be cached', async () => {
    const { body, headers } = await read({})
    expect(body).toEqual({
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      signInMethods: ['password', 'passkey'],
      signUp: 'open',
      organizationCreation: 'anyone',
      mail: false,
    })
    expect(headers.get('cache-control')).toBe('public, max-age=60')
  })

  it('show what the operator has set, and nothing else', async () => {
    const { body, text } = await read({
      SIGN_UP: 'invited',
      SIGN_UP_DOMAINS: 'hidden.example',
      ORG_CREATION: 'admins',
      SMTP_URL: 'smtp://user:hidden@127.0.0.1:9',
      GOOGLE_CLIENT_ID: 'hidden-id',
      GOOGLE_CLIENT_SECRET: 'hidden-secret',
      GITHUB_CLIENT_ID: 'hidden-id',
      GITHUB_CLIENT_SECRET: 'hidden-secret',
    })
    expect(body).toMatchObject({
      signInMethods: ['password', 'passkey', 'google', 'github'],
      signUp: 'invited',
      organizationCreation: 'admins',
      mail: true,
    })
    expect(text).not.toContain('hidden')
    expect(Object.keys(body)).toHaveLength(5)
  })
})
