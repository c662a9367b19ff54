import { openDatabase } from '../../../../platform/db/database.ts'
import { openPlatform } from '../../../../platform/open-platform.ts'
import type { World } from '../../../../testing/world.ts'
import { createAccess } from '../../access/index.ts'

/** Another node over the world's database. `knows` tells whether it takes a secret for valid. */
export async function openSecondNode({ platform }: World) {
  const { config, secrets, log, database } = platform
  const { connectionString } = database.pool.options
  if (connectionString === undefined) throw new Error('The test database is addressed by a connection string.')
  const node = await openPlatform({ config, secrets, log, database: openDatabase({ connectionString }, { connectionsMax: 4, log }) })
  const access = createAccess(node)
  return {
    knows: (bearer: string) =>
      access.identify({ headers: () => new Headers(), bearer }).then(
        ({ kind }) => kind === 'api-key',
        () => false,
      ),
    close: node.close,
  }
}
