import { randomBytes, randomUUID } from 'node:crypto'
import { link, mkdir, open, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import { generateEncryptionKey, parseKeyRing } from '../crypto/key-ring.ts'
import type { Config } from './config.ts'
import { OperatorError } from '../problems/operator-error.ts'

/** The secrets of the instance, configured or generated. */
export interface Secrets {
  readonly encryptionKeys: string
  readonly authSecret: string
}

const SecretsFile = Type.Object({
  encryptionKeys: Type.String({ minLength: 1 }),
  authSecret: Type.String({ minLength: 32 }),
})

/**
 * The configured secrets. With the embedded database, missing ones are generated once in `DATA_DIR/secrets.json`
 * (mode 0600). Throws OperatorError if that file cannot be read, or is missing beside an existing database: new secrets
 * could not decrypt stored data.
 */
export async function loadSecrets(config: Config): Promise<Secrets> {
  const { ENCRYPTION_KEYS, AUTH_SECRET } = config
  if (ENCRYPTION_KEYS !== undefined && AUTH_SECRET !== undefined)
    return { encryptionKeys: ENCRYPTION_KEYS, authSecret: AUTH_SECRET }
  const stored = await readOrCreate(config.DATA_DIR)
  return { encryptionKeys: ENCRYPTION_KEYS ?? stored.encryptionKeys, authSecret: AUTH_SECRET ?? stored.authSecret }
}

async function readOrCreate(dataDir: string): Promise<Static<typeof SecretsFile>> {
  const path = join(dataDir, 'secrets.json')
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const text = await readIfThere(path)
  if (text !== undefined) return parseFile(path, text)
  if (await hasDatabase(dataDir))
    throw new OperatorError(
      `${path} is missing, but ${dataDir} has a database with data that its keys encrypted: restore the file from a ` +
        'backup, or set ENCRYPTION_KEYS and AUTH_SECRET to its values.',
    )
  const secrets = {
    encryptionKeys: generateEncryptionKey('1'),
    authSecret: randomBytes(32).toString('base64url'),
  }
  await createOnce(path, `${JSON.stringify(secrets, null, 2)}\n`)
  // Read it back, because another process may have been first.
  return parseFile(path, await readFile(path, 'utf8'))
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined
    throw new OperatorError(`${path} cannot be read: ${error instanceof Error ? error.message : 'unknown error'}.`, {
      cause: error,
    })
  }
}

// The first boot writes the secrets before it creates the database.
async function hasDatabase(dataDir: string): Promise<boolean> {
  return (await readIfThere(join(dataDir, 'postgres', 'PG_VERSION'))) !== undefined
}

// Atomic: a process that dies leaves no partial file, and of two processes the first one's content is kept.
async function createOnce(path: string, content: string): Promise<void> {
  const draft = `${path}.${randomUUID()}.tmp`
  try {
    await writeFile(draft, content, { mode: 0o600, flag: 'wx', flush: true })
    await link(draft, path)
    await syncDirectory(dirname(path))
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error
  } finally {
    await rm(draft, { force: true })
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path)
  await directory.sync().finally(() => directory.close())
}

function parseFile(path: string, text: string): Static<typeof SecretsFile> {
  try {
    const secrets = Value.Parse(SecretsFile, JSON.parse(text))
    parseKeyRing(secrets.encryptionKeys)
    return secrets
  } catch {
    // Omit the cause: a parser's message quotes the text, which contains secrets.
    throw new OperatorError(
      `${path} is damaged: restore it from a backup. Without it, stored keys cannot be decrypted.`,
    )
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
