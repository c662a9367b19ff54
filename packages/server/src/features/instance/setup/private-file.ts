import { randomBytes } from 'node:crypto'
import { open, readFile, rename } from 'node:fs/promises'

/** Writes JSON that only the server's user can read, whole or not at all. */
export async function writePrivateJson(path: string, value: unknown): Promise<void> {
  const partial = `${path}.${randomBytes(6).toString('hex')}`
  const handle = await open(partial, 'wx', 0o600)
  await handle.writeFile(`${JSON.stringify(value, null, 2)}\n`)
  await handle.sync()
  await handle.close()
  await rename(partial, path)
}

/** The parsed JSON of a file, or undefined when there is none or it is no JSON. */
export async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'))
  } catch {
    return undefined
  }
}
