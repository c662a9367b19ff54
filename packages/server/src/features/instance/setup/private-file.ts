import { randomBytes } from 'node:crypto'
import { open, readFile, rename } from 'node:fs/promises'

/** Atomically writes a JSON file that only the server's user can read. */
export async function writePrivateJson(path: string, value: unknown): Promise<void> {
  const partial = `${path}.${randomBytes(6).toString('hex')}`
  const handle = await open(partial, 'wx', 0o600)
  await handle.writeFile(`${JSON.stringify(value, null, 2)}\n`)
  await handle.sync()
  await handle.close()
  await rename(partial, path)
}

/** The parsed JSON of a file, or undefined if the file is missing or is not JSON. */
export async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'))
  } catch {
    return undefined
  }
}
