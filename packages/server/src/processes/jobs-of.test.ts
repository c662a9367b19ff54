import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { features } from '../features/index.ts'
import { jobsOf } from './jobs-of.ts'

const source = join(import.meta.dirname, '..')

describe('the jobs of the product', () => {
  it('are in the folder of their noun, in files with their names', () => {
    const places = features.flatMap(({ folder, jobs }) =>
      (jobs ?? []).map(({ name }) => join('features', folder, `${name}.job.ts`)),
    )
    expect(places.filter((place) => !existsSync(join(source, place)))).toEqual([])
  })

  it('have unique names, which identify them in the log', () => {
    const names = jobsOf(features).map(({ name }) => name)
    expect(names).toContain('relay-events')
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
  })

  it('have an interval between 10 ms and one day', () => {
    expect(jobsOf(features).filter(({ everyMs }) => everyMs < 10 || everyMs > 86_400_000)).toEqual([])
  })
})
