import { randomBytes } from 'node:crypto'
import { open, readFile, rename } from 'node:fs/promises'
import type { Static, TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { OperatorError } from '../../../platform/problems/operator-error.ts'

/** Atomically writes a JSON file that only the server's user can read. */
export async function writePrivateJson(path: string, value: unknown): Promise<void> {
  const partial = `${path}.${randomBytes(6).toString('hex')}`
  const handle = await open(partial, 'wx', 0o600)
  await handle.writeFile(`${JSON.stringify(value, null, 2)}\n`)
  await handle.sync()
  await handle.close()
  await rename(partial, path)
}

/**
 * The content of a JSON file, undefined if it does not exist. Throws OperatorError if it cannot be read or is not of
 * the schema; the message does not quote the content, which may be secret.
 */
export async function readJson<T extends TSchema>(path: string, schema: T): Promise<Static<T> | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw new OperatorError(`${path} cannot be read: ${error instanceof Error ? error.message : 'unknown error'}.`)
  }
  try {
    return Value.Parse(schema, JSON.parse(text))
  } catch {
    throw new OperatorError(`${path} is damaged: restore it from a backup, or remove it.`)
  }
}
