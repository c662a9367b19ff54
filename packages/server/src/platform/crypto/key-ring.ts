import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'

const keyBytes = 32
const ivBytes = 12
const tagBytes = 16

/** AES-256-GCM with versioned keys: the newest key encrypts, and each version decrypts its own secrets. */
export interface KeyRing {
  /** Encrypts a text. `context` names the row it belongs to, and is needed again to decrypt it. */
  seal(plaintext: string, context: string): string
  /** Decrypts a text. Throws SealBroken if the key is missing, the context differs or the text was modified. */
  unseal(sealed: string, context: string): string
}

/** A secret cannot be decrypted: its key is missing, or it was modified or moved to another row. */
export class SealBroken extends Error {
  override readonly name = 'SealBroken'
}

/** Parses `ENCRYPTION_KEYS`: `<version>:<base64 of 32 bytes>`, comma-separated, the newest last. Throws an Error. */
export function parseKeyRing(text: string): KeyRing {
  const { keys, newest } = parseKeys(text)
  return createKeyRing(keys, newest)
}

/** A fingerprint of each key of `ENCRYPTION_KEYS`, by its version: it identifies the key and reveals nothing of it. */
export function fingerprintsOf(text: string): Map<string, string> {
  const fingerprint = (key: Buffer) => createHmac('sha256', key).update('appstrate encryption key').digest('hex')
  return new Map([...parseKeys(text).keys].map(([version, key]) => [version, fingerprint(key)]))
}

function parseKeys(text: string): { readonly keys: ReadonlyMap<string, Buffer>; readonly newest: string } {
  const keys = new Map<string, Buffer>()
  let newest = ''
  for (const part of text.split(',').map((entry) => entry.trim())) {
    const match = /^([A-Za-z0-9]{1,16}):([A-Za-z0-9+/_-]+=*)$/.exec(part)
    const [version, encoded] = [match?.[1], match?.[2]]
    if (version === undefined || encoded === undefined) throw new Error('each key must look like <version>:<base64>')
    const key = Buffer.from(encoded, 'base64')
    if (key.length !== keyBytes)
      throw new Error(`key ${version} must be ${keyBytes} bytes in base64, it has ${key.length}`)
    if (keys.has(version)) throw new Error(`key version ${version} is given twice`)
    keys.set(version, key)
    newest = version
  }
  return { keys, newest }
}

/** Generates a key in the format of `ENCRYPTION_KEYS`. */
export function generateEncryptionKey(version: string): string {
  return `${version}:${randomBytes(keyBytes).toString('base64')}`
}

function createKeyRing(keys: ReadonlyMap<string, Buffer>, newest: string): KeyRing {
  const keyOf = (version: string) => {
    const key = keys.get(version)
    if (key === undefined)
      throw new SealBroken(`No encryption key of version ${version}: add it back to ENCRYPTION_KEYS.`)
    return key
  }
  return {
    seal(plaintext, context) {
      const iv = randomBytes(ivBytes)
      const cipher = createCipheriv('aes-256-gcm', keyOf(newest), iv)
      cipher.setAAD(Buffer.from(context))
      const sealed = Buffer.concat([iv, cipher.update(plaintext, 'utf8'), cipher.final(), cipher.getAuthTag()])
      return `${newest}.${sealed.toString('base64url')}`
    },
    unseal(sealed, context) {
      const [version = '', encoded = ''] = sealed.split('.')
      const bytes = Buffer.from(encoded, 'base64url')
      if (bytes.length < ivBytes + tagBytes) throw new SealBroken('The encrypted text is truncated.')
      const decipher = createDecipheriv('aes-256-gcm', keyOf(version), bytes.subarray(0, ivBytes))
      decipher.setAAD(Buffer.from(context))
      decipher.setAuthTag(bytes.subarray(-tagBytes))
      try {
        return Buffer.concat([decipher.update(bytes.subarray(ivBytes, -tagBytes)), decipher.final()]).toString('utf8')
      } catch {
        throw new SealBroken('The encrypted text was modified or belongs to another row.')
      }
    },
  }
}
