import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { listOperations } from '../../../platform/http/api.ts'
import { sourceOf } from '../../../platform/http/feature.ts'
import { features } from '../../index.ts'

const root = fileURLToPath(new URL('../../../../../../', import.meta.url))

it('every audited change of something that exists tells from what to what', () => {
  const updates = listOperations(features).filter(({ endpoint }) => /^(PATCH|PUT) /.test(endpoint.route) && endpoint.audit !== 'none')
  expect(updates.length).toBeGreaterThan(4)
  const silent = updates.filter(({ id, feature }) => !readFileSync(`${root}${sourceOf(feature, id)}`, 'utf8').includes('changesBetween('))
  expect(silent.map(({ id }) => id)).toEqual([])
})
