import { describe, expect, it } from 'vitest'
import { changeWebhook, isSubscribed, newWebhookFields, overlapEnd, refuseEndUser, type Webhook } from './webhook.ts'

const [then, now] = [new Date('2026-03-01T00:00:00Z'), new Date('2026-03-21T00:00:00Z')]
const webhook: Webhook = {
  ...{
    id: 'w',
    organizationId: 'o',
    applicationId: 'app',
    url: 'https://a.example/',
    description: null,
    events: ['run.completed'],
    agentId: null,
  },
  ...{ payloadMode: 'full', apiVersion: '2026-03-21', signing: 'hmac', publicKey: null, previousSecretExpiresAt: null },
  ...{ enabled: true, disabledReason: null, disabledAt: null, failingSince: null, createdAt: then, updatedAt: then },
}
const failing: Webhook = { ...webhook, failingSince: then }
const gone: Webhook = { ...failing, enabled: false, disabledReason: 'gone', disabledAt: then }

describe('changeWebhook', () => {
  it('disables by the user, once', () => {
    expect(changeWebhook(webhook, { enabled: false }, now)).toEqual({
      ...webhook,
      enabled: false,
      disabledReason: 'user',
      disabledAt: now,
    })
    expect(changeWebhook(gone, { enabled: false }, now)).toEqual(gone)
  })

  it('enables and resets the failures', () => {
    expect(changeWebhook(gone, { enabled: true }, now)).toEqual(webhook)
    expect(changeWebhook(failing, { enabled: true }, now)).toEqual(webhook)
  })

  it('keeps the failures when another field changes, and resets them with the URL', () => {
    expect(changeWebhook(failing, { description: 'x' }, now)).toEqual({ ...failing, description: 'x' })
    expect(changeWebhook(failing, { url: failing.url }, now)).toEqual(failing)
    expect(changeWebhook(gone, { url: 'https://b.example/' }, now)).toEqual({
      ...gone,
      url: 'https://b.example/',
      failingSince: null,
    })
  })
})

describe('newWebhookFields', () => {
  it('fills in the defaults', () => {
    const chosen = { url: webhook.url, events: webhook.events }
    const filled = {
      ...chosen,
      description: null,
      agentId: null,
      payloadMode: 'full',
      apiVersion: '2026-03-21',
      enabled: true,
      disabledReason: null,
      disabledAt: null,
    }
    expect(newWebhookFields(chosen, { now, apiVersion: '2026-03-21' })).toEqual(filled)
    expect(
      newWebhookFields({ ...chosen, enabled: false, apiVersion: '2025-01-01' }, { now, apiVersion: '2026-03-21' }),
    ).toEqual({ ...filled, apiVersion: '2025-01-01', enabled: false, disabledReason: 'user', disabledAt: now })
  })
})

describe('isSubscribed', () => {
  const event = { applicationId: 'app', agentId: 'agent', type: 'run.completed' }

  it('checks the application, the type, the agent, and whether it is enabled', () => {
    expect(isSubscribed(webhook, event)).toBe(true)
    expect(isSubscribed({ ...webhook, agentId: 'agent' }, event)).toBe(true)
    expect(isSubscribed({ ...webhook, agentId: 'agent' }, { ...event, agentId: null })).toBe(false)
    expect(isSubscribed({ ...webhook, agentId: 'other' }, event)).toBe(false)
    expect(isSubscribed(webhook, { ...event, type: 'run.failed' })).toBe(false)
    expect(isSubscribed(webhook, { ...event, applicationId: 'other' })).toBe(false)
    expect(isSubscribed(gone, event)).toBe(false)
  })
})

describe('overlapEnd', () => {
  it('is a day, a given time, or none', () => {
    expect(overlapEnd(now)).toEqual(new Date('2026-03-22T00:00:00Z'))
    expect(overlapEnd(now, 90)).toEqual(new Date('2026-03-21T00:01:30Z'))
    expect(overlapEnd(now, 0)).toBeNull()
  })
})

describe('refuseEndUser', () => {
  it('refuses only end-users', () => {
    const scope = { organizationId: 'o', applicationId: 'app' }
    expect(() => refuseEndUser({ ...scope, endUserId: null })).not.toThrow()
    expect(() => refuseEndUser({ ...scope, endUserId: 'u' })).toThrow('Webhooks are not for end-users')
  })
})
