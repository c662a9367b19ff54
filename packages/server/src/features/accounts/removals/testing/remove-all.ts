import type { World } from '../../../../testing/world.ts'
import { removalSteps } from '../removal-steps.ts'

/** Removes what deleted containers of the world contain, as the job does, without its rests. */
export async function removeAll({ platform }: Pick<World, 'platform'>): Promise<void> {
  for await (const { removed } of removalSteps(platform)) if (removed === 0) throw new Error('A step removed nothing.')
}
