import { createPublicKey, verify } from 'node:crypto'
import { Webhook as Receiver } from 'standardwebhooks'
import { describe, expect, it } from 'vitest'
import { generateEncryptionKey, parseKeyRing } from '../../../platform/crypto/key-ring.ts'
import { newUuid } from '../../../platform/ids/id.ts'
import { signingHeaders } from './signing-headers.ts'
import { newSecret, sealSecret } from './webhook-secret.ts'
import type { Signing, SigningWebhook } from './webhook.ts'

const platform = { keyRing: parseKeyRing(generateEncryptionKey('1')) }
const body = JSON.stringify({ type: 'run.completed', data: { text: 'Grüße 🎉 "quoted" \\ \u2028' } })
const now = () => new Date()
const secondsAgo = (seconds: number) => new Date(Date.now() - seconds * 1000)
const message = (timestamp = now()) => ({ id: 'evt_01jq5x3v7kf8hb2m9w4tcd6e1n', timestamp, body })

function signer(
  signing: Signing,
  secrets: { readonly current: string; readonly previous?: string; readonly previousExpiresAt?: Date },
): SigningWebhook {
  const id = newUuid()
  return {
    ...{
      id,
      organizationId: newUuid(),
      applicationId: newUuid(),
      url: 'https://example.com',
      description: null,
      events: ['run.completed'],
      agentId: null,
    },
    ...{
      payloadMode: 'full',
      apiVersion: '2026-03-21',
      signing,
      publicKey: null,
      enabled: true,
      disabledReason: null,
      disabledAt: null,
      failingSince: null,
    },
    ...{ createdAt: new Date(), updatedAt: new Date(), previousSecretExpiresAt: secrets.previousExpiresAt ?? null },
    sealedSecret: sealSecret(platform, id, secrets.current),
    sealedPreviousSecret: secrets.previous === undefined ? null : sealSecret(platform, id, secrets.previous),
  }
}

describe('hmac', () => {
  const { secret: current } = newSecret('hmac')
  const headers = signingHeaders(platform, signer('hmac', { current }), message())

  it('is accepted by the public library, which then returns the payload', () => {
    expect(new Receiver(current).verify(body, headers)).toEqual(JSON.parse(body))
  })

  it('is equal to the signature of the library', () => {
    const at = new Date('2026-03-21T09:30:00.999Z')
    const {
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': signature,
    } = signingHeaders(platform, signer('hmac', { current }), message(at))
    expect([id, timestamp, signature]).toEqual([
      'evt_01jq5x3v7kf8hb2m9w4tcd6e1n',
      '1774085400',
      new Receiver(current).sign(id, at, body),
    ])
  })

  it('does not verify another body, id, time or secret', () => {
    const receiver = new Receiver(current)
    expect(() => receiver.verify(`${body} `, headers)).toThrow('No matching signature')
    expect(() => receiver.verify(body, { ...headers, 'webhook-id': 'evt_other' })).toThrow('No matching signature')
    expect(() =>
      receiver.verify(body, { ...headers, 'webhook-timestamp': String(Number(headers['webhook-timestamp']) + 1) }),
    ).toThrow('No matching signature')
    expect(() => new Receiver(newSecret('hmac').secret).verify(body, headers)).toThrow('No matching signature')
  })

  it('is refused by the library when its time is more than five minutes off', () => {
    const verifyAt = (timestamp: Date) =>
      new Receiver(current).verify(body, signingHeaders(platform, signer('hmac', { current }), message(timestamp)))
    expect(verifyAt(secondsAgo(240))).toEqual(JSON.parse(body))
    expect(() => verifyAt(secondsAgo(310))).toThrow('too old')
    expect(() => verifyAt(secondsAgo(-330))).toThrow('too new')
  })
})

describe('after a rotation', () => {
  const [current, previous] = [newSecret('hmac').secret, newSecret('hmac').secret]

  it('both secrets verify, and the newest comes first', () => {
    const headers = signingHeaders(
      platform,
      signer('hmac', { current, previous, previousExpiresAt: secondsAgo(-60) }),
      message(),
    )
    for (const secret of [current, previous])
      expect(new Receiver(secret).verify(body, headers)).toEqual(JSON.parse(body))
    const first = { ...headers, 'webhook-signature': headers['webhook-signature'].split(' ')[0] ?? '' }
    expect(new Receiver(current).verify(body, first)).toEqual(JSON.parse(body))
    expect(headers['webhook-signature']).toMatch(/^v1,[A-Za-z0-9+/]{43}= v1,[A-Za-z0-9+/]{43}=$/)
  })

  it('the old secret ends on time', () => {
    const webhook = signer('hmac', { current, previous, previousExpiresAt: secondsAgo(60) })
    const headers = signingHeaders(platform, webhook, message())
    expect(() => new Receiver(previous).verify(body, headers)).toThrow('No matching signature')
    expect(new Receiver(current).verify(body, headers)).toEqual(JSON.parse(body))
    expect(
      signingHeaders(platform, webhook, message(secondsAgo(60)))['webhook-signature'].split(' ').length,
    ).toBeLessThanOrEqual(2)
  })
})

describe('ed25519', () => {
  const [current, previous] = [newSecret('ed25519'), newSecret('ed25519')]
  const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex')
  const keyOf = (whpk: string | null) => {
    const raw = Buffer.from((whpk ?? '').replace(/^whpk_/, ''), 'base64')
    expect(raw).toHaveLength(32)
    return createPublicKey({ key: Buffer.concat([spkiPrefix, raw]), format: 'der', type: 'spki' })
  }
  const isSigned = (headers: Record<string, string>, signature: string, whpk: string | null) => {
    const [version, encoded = ''] = signature.split(',')
    expect(version).toBe('v1a')
    return verify(
      null,
      Buffer.from(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`),
      keyOf(whpk),
      Buffer.from(encoded, 'base64'),
    )
  }

  it('is verified with the public key alone, by each of two keys after a rotation', () => {
    const headers = signingHeaders(
      platform,
      signer('ed25519', { current: current.secret, previous: previous.secret, previousExpiresAt: secondsAgo(-60) }),
      message(),
    )
    const [newest = '', older = '', ...more] = headers['webhook-signature'].split(' ')
    expect(more).toEqual([])
    expect([isSigned(headers, newest, current.publicKey), isSigned(headers, older, previous.publicKey)]).toEqual([
      true,
      true,
    ])
    expect([
      isSigned(headers, newest, previous.publicKey),
      isSigned({ ...headers, 'webhook-id': 'evt_other' }, newest, current.publicKey),
    ]).toEqual([false, false])
  })
})

it('fails instead of signing with a secret of another webhook', () => {
  const [one, other] = [
    signer('hmac', { current: newSecret('hmac').secret }),
    signer('hmac', { current: newSecret('hmac').secret }),
  ]
  expect(() => signingHeaders(platform, { ...one, sealedSecret: other.sealedSecret }, message())).toThrow(
    'belongs to another row',
  )
})
