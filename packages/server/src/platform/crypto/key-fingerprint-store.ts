import type pg from 'pg'

export interface StoredKey {
  readonly version: string
  readonly fingerprint: string
}

/** The encryption keys that the database was used with. */
export async function findStoredKeys(pool: pg.Pool): Promise<readonly StoredKey[]> {
  const stored = await pool.query<StoredKey>('select version, fingerprint from encryption_keys order by version')
  return stored.rows
}

/** Stores keys whose versions are not stored yet. */
export async function insertKeys(pool: pg.Pool, keys: readonly StoredKey[]): Promise<void> {
  for (const { version, fingerprint } of keys)
    await pool.query('insert into encryption_keys (version, fingerprint) values ($1, $2) on conflict do nothing', [
      version,
      fingerprint,
    ])
}
