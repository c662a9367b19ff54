import { createHmac, sign } from 'node:crypto'
import type { Platform } from '../../../platform/platform.ts'
import { bytesOf, unsealSecret, privateKeyOf } from './webhook-secret.ts'
import type { Signing, SigningWebhook } from './webhook.ts'

/** The signed message. The id is the same in every attempt; the time is that of this attempt. */
export interface SignedMessage {
  readonly id: string
  readonly timestamp: Date
  readonly body: string
}

/**
 * The headers of Standard Webhooks, with one signature for each valid secret, newest first. Throws SealBroken if a
 * secret cannot be decrypted.
 */
export function signingHeaders(platform: Pick<Platform, 'keyRing'>, webhook: SigningWebhook, message: SignedMessage) {
  const seconds = String(Math.floor(message.timestamp.getTime() / 1000))
  const signed = `${message.id}.${seconds}.${message.body}`
  const signatures = validSecrets(webhook, message.timestamp).map((sealed) =>
    signatureOf(webhook.signing, unsealSecret(platform, webhook.id, sealed), signed),
  )
  return { 'webhook-id': message.id, 'webhook-timestamp': seconds, 'webhook-signature': signatures.join(' ') }
}

function validSecrets(
  { sealedSecret, sealedPreviousSecret, previousSecretExpiresAt }: SigningWebhook,
  at: Date,
): string[] {
  const isPreviousValid = previousSecretExpiresAt !== null && at < previousSecretExpiresAt
  return isPreviousValid && sealedPreviousSecret !== null ? [sealedSecret, sealedPreviousSecret] : [sealedSecret]
}

function signatureOf(signing: Signing, secret: string, signed: string): string {
  if (signing === 'hmac') return `v1,${createHmac('sha256', bytesOf(secret)).update(signed).digest('base64')}`
  return `v1a,${sign(null, Buffer.from(signed), privateKeyOf(secret)).toString('base64')}`
}
