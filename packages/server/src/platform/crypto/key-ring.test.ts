import { describe, expect, it } from 'vitest'
import { generateEncryptionKey, parseKeyRing, SealBroken } from './key-ring.ts'

describe('the key ring', () => {
  const first = generateEncryptionKey('1')

  it('decrypts what it encrypted, and never encrypts a text to the same result twice', () => {
    const ring = parseKeyRing(first)
    const sealed = ring.seal('sk-secret', 'provider_keys/1')
    expect(sealed).not.toContain('sk-secret')
    expect(ring.seal('sk-secret', 'provider_keys/1')).not.toBe(sealed)
    expect(ring.unseal(sealed, 'provider_keys/1')).toBe('sk-secret')
  })

  it('decrypts an old secret after rotation, and encrypts new ones with the newest key', () => {
    const old = parseKeyRing(first).seal('sk-secret', 'row')
    const rotated = parseKeyRing(`${first},${generateEncryptionKey('2')}`)
    expect(rotated.unseal(old, 'row')).toBe('sk-secret')
    expect(rotated.seal('x', 'row').startsWith('2.')).toBe(true)
  })

  it('refuses a secret of another row, a modified one, and one whose key was removed', () => {
    const ring = parseKeyRing(first)
    const sealed = ring.seal('sk-secret', 'row-a')
    expect(() => ring.unseal(sealed, 'row-b')).toThrow(SealBroken)
    const flipped = sealed.slice(0, 20) + (sealed.charAt(20) === 'A' ? 'B' : 'A') + sealed.slice(21)
    expect(() => ring.unseal(flipped, 'row-a')).toThrow(SealBroken)
    expect(() => parseKeyRing(generateEncryptionKey('2')).unseal(sealed, 'row-a')).toThrow(/version 1/)
  })

  it.each(['', 'nonsense', '1:dG9vIHNob3J0', `${first},${first}`])('refuses the setting %j', (text) => {
    expect(() => parseKeyRing(text)).toThrow()
  })
})
