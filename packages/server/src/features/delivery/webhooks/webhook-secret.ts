import { createPrivateKey, createPublicKey, randomBytes, type KeyObject } from 'node:crypto'
import type { Platform } from '../../../platform/platform.ts'
import type { Signing } from './webhook.ts'

const secretBytes = 32
const prefixes = { hmac: 'whsec_', ed25519: 'whsk_' } as const

/** The bytes before the 32 bytes of an Ed25519 private key in PKCS #8 (RFC 8410). */
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex')

export interface WebhookSecret {
  readonly secret: string
  /** The key that receivers verify with; null with hmac, where they use the secret. */
  readonly publicKey: string | null
}

/** A new secret as in Standard Webhooks: `whsec_…` is given to the receiver, `whsk_…` never leaves the server. */
export function newSecret(signing: Signing): WebhookSecret {
  const secret = prefixes[signing] + randomBytes(secretBytes).toString('base64')
  return { secret, publicKey: signing === 'ed25519' ? publicKeyOf(secret) : null }
}

/** Encrypts a webhook's secret for its row. */
export function sealSecret({ keyRing }: Pick<Platform, 'keyRing'>, webhookId: string, secret: string): string {
  return keyRing.seal(secret, contextOf(webhookId))
}

/** Decrypts a webhook's secret. Throws SealBroken if that fails. */
export function unsealSecret({ keyRing }: Pick<Platform, 'keyRing'>, webhookId: string, sealed: string): string {
  return keyRing.unseal(sealed, contextOf(webhookId))
}

/** The bytes that a secret encodes. */
export function bytesOf(secret: string): Buffer {
  return Buffer.from(secret.slice(secret.indexOf('_') + 1), 'base64')
}

/** The private key that a `whsk_…` encodes. */
export function privateKeyOf(secret: string): KeyObject {
  return createPrivateKey({ key: Buffer.concat([pkcs8Prefix, bytesOf(secret)]), format: 'der', type: 'pkcs8' })
}

function publicKeyOf(secret: string): string {
  const spki = createPublicKey(privateKeyOf(secret)).export({ format: 'der', type: 'spki' })
  return `whpk_${spki.subarray(-secretBytes).toString('base64')}`
}

function contextOf(webhookId: string): string {
  return `webhooks/${webhookId}`
}
