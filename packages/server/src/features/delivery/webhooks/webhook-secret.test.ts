import { describe, expect, it } from 'vitest'
import { generateEncryptionKey, parseKeyRing } from '../../../platform/crypto/key-ring.ts'
import { bytesOf, newSecret, unsealSecret, privateKeyOf, sealSecret } from './webhook-secret.ts'

describe('newSecret', () => {
  it('is 32 random bytes in standard base64', () => {
    for (const [signing, prefix] of [
      ['hmac', 'whsec_'],
      ['ed25519', 'whsk_'],
    ] as const) {
      const secrets = Array.from({ length: 50 }, () => newSecret(signing).secret)
      expect(new Set(secrets).size).toBe(50)
      for (const secret of secrets) {
        expect(secret.startsWith(prefix)).toBe(true)
        expect(bytesOf(secret)).toHaveLength(32)
        expect(prefix + bytesOf(secret).toString('base64')).toBe(secret)
      }
    }
  })

  it('has the public key that belongs to the private one (RFC 8032, test 1)', () => {
    const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex')
    const jwk = privateKeyOf(`whsk_${seed.toString('base64')}`).export({ format: 'jwk' })
    expect(Buffer.from(jwk.x ?? '', 'base64url').toString('hex')).toBe(
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    )
    const { secret, publicKey } = newSecret('ed25519')
    expect(publicKey).toBe(
      `whpk_${Buffer.from(privateKeyOf(secret).export({ format: 'jwk' }).x ?? '', 'base64url').toString('base64')}`,
    )
    expect(newSecret('hmac').publicKey).toBeNull()
  })
})

describe('sealSecret', () => {
  it('can be decrypted only for its own webhook', () => {
    const platform = { keyRing: parseKeyRing(generateEncryptionKey('1')) }
    const sealed = sealSecret(platform, 'one', 'whsec_x')
    expect(unsealSecret(platform, 'one', sealed)).toBe('whsec_x')
    expect(() => unsealSecret(platform, 'two', sealed)).toThrow('belongs to another row')
  })
})
