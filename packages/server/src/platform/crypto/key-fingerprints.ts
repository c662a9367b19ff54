import type pg from 'pg'
import { OperatorError } from '../problems/operator-error.ts'
import { insertKeys, findStoredKeys, type StoredKey } from './key-fingerprint-store.ts'
import { fingerprintsOf } from './key-ring.ts'

/**
 * Compares the encryption keys with those that the database was used with before, and stores new ones. Returns the
 * versions that are missing now. Throws OperatorError if a version has another key, or if all known keys are missing:
 * nothing that is stored could be decrypted.
 */
export async function checkKeyFingerprints(pool: pg.Pool, encryptionKeys: string): Promise<string[]> {
  const given = fingerprintsOf(encryptionKeys)
  const known = await findStoredKeys(pool)
  refuseOtherKeys(given, known)
  if (known.length > 0 && !known.some(({ version }) => given.has(version)))
    throw new OperatorError(
      `ENCRYPTION_KEYS lacks the keys that this database was used with (version ${list(known)}): add them back, or ` +
        'restore secrets.json in DATA_DIR from a backup.',
    )
  await insertKeys(
    pool,
    [...given].map(([version, fingerprint]) => ({ version, fingerprint })),
  )
  // Another node may have stored its keys in the meantime.
  refuseOtherKeys(given, await findStoredKeys(pool))
  return known.map(({ version }) => version).filter((version) => !given.has(version))
}

function refuseOtherKeys(given: ReadonlyMap<string, string>, stored: readonly StoredKey[]): void {
  const other = stored.filter(({ version, fingerprint }) => (given.get(version) ?? fingerprint) !== fingerprint)
  if (other.length === 0) return
  throw new OperatorError(
    `The encryption key of version ${list(other)} is not the one that this database was used with: set ` +
      'ENCRYPTION_KEYS to the earlier keys, or restore secrets.json in DATA_DIR from a backup. ' +
      'To replace a key, add a new version after it.',
  )
}

function list(keys: readonly StoredKey[]): string {
  return keys.map(({ version }) => version).join(', ')
}
