import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { EmbeddedPostgresUnavailable } from './embedded-postgres-unavailable.ts'

export interface PostgresBinaries {
  readonly postgres: string
  readonly initdb: string
  readonly majorVersion: number
}

const PackageManifest = Type.Object({ version: Type.String({ pattern: '^\\d+\\.' }) })

/** The PostgreSQL of the optional npm package for this system. Throws EmbeddedPostgresUnavailable if it is missing. */
export function findPostgresBinaries(system = `${process.platform}-${process.arch}`): PostgresBinaries {
  const root = packageRoot(system)
  const manifest = Value.Parse(PackageManifest, JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')))
  return {
    postgres: join(root, 'native', 'bin', 'postgres'),
    initdb: join(root, 'native', 'bin', 'initdb'),
    majorVersion: Number.parseInt(manifest.version, 10),
  }
}

function packageRoot(system: string): string {
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(`@embedded-postgres/${system}`)))
  } catch (error) {
    throw new EmbeddedPostgresUnavailable(`No embedded PostgreSQL is installed for ${system}`, undefined, error)
  }
}
