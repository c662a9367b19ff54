import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Feature } from '../../platform/http/feature.ts'
import type { TenantFilling } from './tenant-filling.ts'

const featuresDir = join(import.meta.dirname, '../../features')

/** What each feature exports as `filling` from `testing/fill-tenant.ts` in its folder, if it has that file. */
export async function findFillings(features: readonly Feature[]): Promise<TenantFilling[]> {
  const fillings: TenantFilling[] = []
  for (const { folder } of features) {
    const path = join(featuresDir, folder, 'testing/fill-tenant.ts')
    if (!existsSync(path)) continue
    const module: unknown = await import(path)
    if (!hasFilling(module)) throw new Error(`${path} must export \`filling\`.`)
    fillings.push(module.filling)
  }
  return fillings
}

function hasFilling(module: unknown): module is { readonly filling: TenantFilling } {
  return typeof module === 'object' && module !== null && 'filling' in module && typeof module.filling === 'object'
}
