import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { listOperations } from '../../../platform/http/api.ts'
import { sourceOf } from '../../../platform/http/feature.ts'
import { features } from '../../index.ts'

const root = fileURLToPath(new URL('../../../../../../', import.meta.url))

// The call is in the endpoint's own file, or in one that it imports from its folder.
function recordsChanges(path: string): boolean {
  const text = readFileSync(path, 'utf8')
  const siblings = [...text.matchAll(/from '\.\/([a-z-]+\.ts)'/g)].map(([, name]) =>
    readFileSync(join(dirname(path), name ?? ''), 'utf8'),
  )
  return [text, ...siblings].some((each) => each.includes('changesBetween('))
}

it('every audited update records the values before and after', () => {
  const updates = listOperations(features).filter(
    ({ endpoint }) => /^(PATCH|PUT) /.test(endpoint.route) && endpoint.audit !== 'none',
  )
  expect(updates.length).toBeGreaterThan(4)
  const silent = updates.filter(({ id, feature }) => !recordsChanges(join(root, sourceOf(feature, id))))
  expect(silent.map(({ id }) => id)).toEqual([])
})
