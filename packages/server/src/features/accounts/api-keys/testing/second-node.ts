import { openDatabase } from '../../../../platform/db/database.ts'
import { openPlatform } from '../../../../platform/open-platform.ts'
import type { Wake } from '../../../../platform/wake/wake.ts'
import { eventually } from '../../../../testing/factories/run-world.ts'
import type { World } from '../../../../testing/world.ts'
import { features } from '../../../index.ts'
import { createAccess } from '../../access/index.ts'

/**
 * Opens another node on the world's database. `knows` resolves to whether the node accepts a secret, `limitsOf` to the
 * limits of its key.
 */
export async function openSecondNode({ platform }: World) {
  const { config, secrets, log, database } = platform
  const { connectionString } = database.pool.options
  if (connectionString === undefined) throw new Error('The test database must have a connection string.')
  const node = await openPlatform({
    features,
    config,
    secrets,
    log,
    database: openDatabase({ connectionString }, { connectionsMax: 4, log }),
  })
  await hears(platform.wake, node.wake)
  const access = createAccess(node)
  return {
    knows: (bearer: string) =>
      access.identify({ headers: () => new Headers(), bearer }).then(
        ({ kind }) => kind === 'api-key',
        () => false,
      ),
    async limitsOf(bearer: string) {
      const caller = await access.identify({ headers: () => new Headers(), bearer })
      return caller.kind === 'api-key' ? caller.limits : undefined
    },
    close: node.close,
  }
}

/** Waits until `listener` receives wake-ups: it may still be subscribing in the background, and misses earlier ones. */
async function hears(speaker: Wake, listener: Wake): Promise<void> {
  let heard = false
  const unsubscribe = listener.subscribe('keys', () => (heard = true))
  await eventually(async () => {
    speaker.wake('keys', '*')
    return heard ? true : undefined
  })
  unsubscribe()
}
