import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { cloneDatabase, type TestDatabase } from '../../testing/test-database.ts'
import { OperatorError } from '../problems/operator-error.ts'
import { checkKeyFingerprints } from './key-fingerprints.ts'
import { generateEncryptionKey } from './key-ring.ts'

const [first, second, third] = ['1', '2', '3'].map(generateEncryptionKey)

describe('the encryption keys of a database', () => {
  let database: TestDatabase
  let pool: pg.Pool
  beforeEach(async () => {
    database = await cloneDatabase()
    pool = new pg.Pool({ connectionString: database.connectionString, max: 2 })
    // The database is dropped while the server may still be closing its connections.
    pool.on('connect', (client) => client.on('error', () => undefined))
  })
  afterEach(async () => {
    await pool.end()
    await database.drop()
  })

  it('are remembered at the first boot, and accepted from then on, also with a new one', async () => {
    expect(await checkKeyFingerprints(pool, `${first}`)).toEqual([])
    expect(await checkKeyFingerprints(pool, `${first}`)).toEqual([])
    expect(await checkKeyFingerprints(pool, `${first},${second}`)).toEqual([])
    expect(await checkKeyFingerprints(pool, `${second}`)).toEqual(['1'])
  })

  it('are stored without telling anything about the key', async () => {
    await checkKeyFingerprints(pool, `${first}`)
    const { rows } = await pool.query('select * from encryption_keys')
    expect(JSON.stringify(rows)).not.toContain(String(first).slice(2, 20))
    expect(rows).toHaveLength(1)
  })

  it('are refused when a version has another key, or when all earlier ones are missing', async () => {
    await checkKeyFingerprints(pool, `${first},${second}`)
    for (const keys of [generateEncryptionKey('1'), `${first},${generateEncryptionKey('2')}`, `${third}`]) {
      await expect(checkKeyFingerprints(pool, keys)).rejects.toThrow(OperatorError)
      await expect(checkKeyFingerprints(pool, keys)).rejects.toThrow(/^[^\n]*ENCRYPTION_KEYS[^\n]*$/)
    }
    expect(await checkKeyFingerprints(pool, `${first},${second}`)).toEqual([])
  })

  it('are the same for two nodes that boot at once; of two different ones, one node is refused', async () => {
    const same = await Promise.all([1, 2, 3].map(() => checkKeyFingerprints(pool, `${first}`)))
    expect(same).toEqual([[], [], []])
    const different = [generateEncryptionKey('2'), generateEncryptionKey('2')]
    const results = await Promise.allSettled(different.map((key) => checkKeyFingerprints(pool, `${first},${key}`)))
    expect(results.filter(({ status }) => status === 'fulfilled').length).toBe(1)
  })
})
