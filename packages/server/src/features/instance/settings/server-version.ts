import { readFileSync } from 'node:fs'
import { Type } from 'typebox'
import { Value } from 'typebox/value'

const manifest = new URL('../../../../package.json', import.meta.url)

/** The version of this package, such as `0.1.0`. */
export const serverVersion = Value.Parse(
  Type.Object({ version: Type.String() }),
  JSON.parse(readFileSync(manifest, 'utf8')),
).version
