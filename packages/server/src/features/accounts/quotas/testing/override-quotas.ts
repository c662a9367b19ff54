import type { World } from '../../../../testing/world.ts'
import { quotas, type Overrides } from '../index.ts'

/** Replaces the overrides of an organization, as an administrator does, without an audit entry. */
export async function overrideQuotas(
  { platform }: Pick<World, 'platform'>,
  { organizationId }: { readonly organizationId: string },
  overrides: Overrides,
): Promise<void> {
  const { override, applyChanges } = platform.use(quotas)
  await platform.db.transaction().execute((tx) => override(tx, organizationId, overrides))
  applyChanges(organizationId)
}
