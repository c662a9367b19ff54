import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { SealBroken } from '../../../platform/crypto/key-ring.ts'
import { toColumnText, toJsonText } from '../../../platform/db/json-text.ts'
import { problem } from '../../../platform/problems/problem.ts'

const version = '1'
const ivBytes = 12
const tagBytes = 16
export const dataKeyBytes = 32

/** Encrypts the content of one end-user with their own key; content without an end-user is not encrypted. */
export interface ContentSeal {
  /** A JSON value in its stored form. Null means no value and stays null. */
  seal(value: unknown): unknown
  /** Decrypts a stored JSON value, sealed or not; null if its key is destroyed. Throws SealBroken if it was changed. */
  unseal(stored: unknown): unknown
  /** `seal` for a text column. */
  sealText(text: string): string
  /** `unseal` for a text column. */
  unsealText(stored: string): string | null
  /** Like `sealText`, but deterministic, so that a name can be looked up; `unsealText` decrypts it. */
  sealName(name: string): string
  /** The key for the bytes of one file and nothing else; undefined if they are not encrypted. */
  fileKey(salt: Buffer): Buffer | undefined
}

/** For content without an end-user: encrypts nothing. */
export const plainSeal: ContentSeal = {
  seal: (value) => value,
  unseal: (stored) => stored,
  sealText: (text) => text,
  unsealText: (stored) => stored,
  sealName: (name) => name,
  fileKey: () => undefined,
}

/** For an end-user whose key is destroyed: sealed content reads as null, and sealing throws invalid-end-user. */
export const erasedSeal: ContentSeal = {
  seal: refuseErased,
  unseal: (stored) => (sealedOf(stored) === undefined ? stored : null),
  sealText: refuseErased,
  unsealText: (stored) => (sealedOfText(stored) === undefined ? stored : null),
  sealName: refuseErased,
  fileKey: refuseErased,
}

/** Seals with an end-user's data key, and binds the content to their id: another end-user's seal cannot decrypt it. */
export function createContentSeal(dataKey: Buffer, endUserId: string): ContentSeal {
  const derive = (purpose: string, salt: Uint8Array = Buffer.alloc(0)) =>
    Buffer.from(hkdfSync('sha256', dataKey, salt, `appstrate/${purpose}`, dataKeyBytes))
  const box = createBox(derive('content'), endUserId)
  const nameBox = createBox(derive('names'), endUserId)
  const nameIvKey = derive('name-ivs')
  const sealText = (text: string) => JSON.stringify({ $sealed: box.seal(toColumnText(text), randomBytes(ivBytes)) })
  return {
    seal: (value) =>
      value === null || value === undefined ? null : { $sealed: box.seal(toJsonText(value), randomBytes(ivBytes)) },
    unseal(stored) {
      const sealed = sealedOf(stored)
      if (sealed === undefined) return stored
      const value: unknown = JSON.parse(box.unseal(sealed))
      return value
    },
    sealText,
    unsealText(stored) {
      const sealed = sealedOfText(stored)
      if (sealed === undefined) return stored
      return sealed.startsWith(namePrefix) ? nameBox.unseal(sealed.slice(namePrefix.length)) : box.unseal(sealed)
    },
    sealName(name) {
      // The IV is derived from the name, so it repeats only for the same name.
      const iv = createHmac('sha256', nameIvKey).update(name).digest().subarray(0, ivBytes)
      return JSON.stringify({ $sealed: namePrefix + nameBox.seal(name, iv) })
    },
    fileKey: (salt) => derive('file', salt),
  }
}

const namePrefix = 'name.'
const sealedForm = /^(?:name\.)?1\.[A-Za-z0-9_-]{38,}$/

function sealedOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !('$sealed' in value) || typeof value.$sealed !== 'string')
    return undefined
  return sealedForm.test(value.$sealed) && Object.keys(value).length === 1 ? value.$sealed : undefined
}

function sealedOfText(text: string): string | undefined {
  const found = /^\{"\$sealed":"([^"]+)"\}$/.exec(text)?.[1]
  return found !== undefined && sealedForm.test(found) ? found : undefined
}

function refuseErased(): never {
  throw problem('invalid-end-user', { detail: 'The end-user was erased.' })
}

interface Box {
  seal(plaintext: string, iv: Buffer): string
  unseal(sealed: string): string
}

function createBox(key: Buffer, endUserId: string): Box {
  const context = Buffer.from(endUserId)
  return {
    seal(plaintext, iv) {
      const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(context)
      const sealed = Buffer.concat([iv, cipher.update(plaintext, 'utf8'), cipher.final(), cipher.getAuthTag()])
      return `${version}.${sealed.toString('base64url')}`
    },
    unseal(sealed) {
      const bytes = Buffer.from(sealed.slice(version.length + 1), 'base64url')
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, ivBytes), {
        authTagLength: tagBytes,
      }).setAAD(context)
      decipher.setAuthTag(bytes.subarray(-tagBytes))
      try {
        return Buffer.concat([decipher.update(bytes.subarray(ivBytes, -tagBytes)), decipher.final()]).toString('utf8')
      } catch {
        throw new SealBroken('The sealed content was changed or belongs to another end-user.')
      }
    },
  }
}
