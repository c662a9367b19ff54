import { describe, expect, it } from 'vitest'
import { features } from '../../features/index.ts'
import { rights } from '../access/permissions.ts'
import { parseConfig } from '../config/config.ts'
import { optionalText } from '../config/variables.ts'
import { newWireId } from '../ids/id.ts'
import { createLog } from '../log/log.ts'
import { problem } from '../problems/problem.ts'
import { createLocalWake } from '../wake/local-wake.ts'
import { checkFeatures } from './check-features.ts'
import { endpoint, ok } from './endpoint.ts'
import { feature, type Feature, type Words } from './feature.ts'
import { Nothing } from './wire.ts'

const base = {
  summary: 'Toy',
  caller: 'application',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
} as const

/** A feature of this test: its words, and no endpoint. */
const toys = (words: Words) =>
  feature({ folder: 'catalog/toys', tag: 'Toys', description: 'A feature of this test.', endpoints: {}, ...words })

describe('the words of the features', () => {
  it('have one owner each', () => {
    expect(() => checkFeatures(features)).not.toThrow()
    expect(() => checkFeatures([...features, toys({})])).not.toThrow()
  })

  it.each<[string, Words, string]>([
    [
      'a problem code of another feature',
      { problems: { 'run-not-found': { status: 404, title: 'Toy Not Found' } } },
      'The problem code run-not-found is declared by execution/runs and by catalog/toys.',
    ],
    [
      'a problem code of the platform',
      { problems: { forbidden: { status: 403, title: 'Forbidden' } } },
      'The problem code forbidden is declared by platform and by catalog/toys.',
    ],
    [
      'an id prefix of another feature',
      { idPrefixes: { sched: 'A toy.' } },
      'The id prefix sched is declared by execution/schedules and by catalog/toys.',
    ],
    [
      'a wake topic of another feature',
      { wakes: { keys: 'A toy was wound up.' } },
      'The wake topic keys is declared by accounts/api-keys and by catalog/toys.',
    ],
    [
      'permissions of a resource of another feature',
      { permissions: { runs: rights({ owner: ['break'], grantable: true }) } },
      'The permission resource runs is declared by execution/runs and by catalog/toys.',
    ],
    [
      'an environment variable of another feature',
      { variables: { FILE_SIZE_MAX: optionalText('A toy.') } },
      'The variable FILE_SIZE_MAX is declared by execution/files and by catalog/toys.',
    ],
    [
      'an environment variable of the platform',
      { variables: { PORT: optionalText('A toy.') } },
      'The variable PORT is declared by platform and by catalog/toys.',
    ],
  ])('fail at start when a feature declares %s', (_what, words, message) => {
    expect(() => checkFeatures([...features, toys(words)])).toThrow(message)
  })
})

describe('a permission that an endpoint asks for', () => {
  const breakToy = endpoint({
    ...base,
    route: 'POST /api/toys/break',
    permission: 'toys:break',
    returns: { 200: Nothing },
    fails: [],
    handle: async () => ok(null),
  })
  const breaking = (words: Words): Feature => ({ ...toys(words), endpoints: { breakToy } })

  it('fails at start when no feature declares it', () => {
    const message = 'breakToy of catalog/toys needs the permission toys:break, which no feature declares.'
    expect(() => checkFeatures([...features, breaking({})])).toThrow(message)
    const declared = { permissions: { toys: rights({ owner: ['break'], grantable: true }) } }
    expect(() => checkFeatures([...features, breaking(declared)])).not.toThrow()
  })
})

describe('a misspelt word', () => {
  it('of a problem does not compile', () => {
    // @ts-expect-error -- a code that no feature declares
    expect(problem('run-not-fuond').code).toBe('run-not-fuond')
    expect(problem('run-not-found').code).toBe('run-not-found')
  })

  it('of an id does not compile', () => {
    // @ts-expect-error -- a prefix that no feature declares
    expect(newWireId('rnu')).toMatch(/^rnu_/)
  })

  it('of a wake-up does not compile', () => {
    const heard: string[] = []
    const wake = createLocalWake(createLog('silent'))
    // @ts-expect-error -- a topic that no feature declares
    wake.subscribe('rnus', (detail) => heard.push(detail))
    wake.wakeAll()
    expect(heard).toEqual(['*'])
  })

  it('of a setting does not compile', () => {
    const config = parseConfig({}, features)
    // @ts-expect-error -- a variable that no feature declares
    expect(config.FILE_SIZE_MXA).toBeUndefined()
    expect(config.FILE_SIZE_MAX).toBeGreaterThan(0)
  })

  it('in what an endpoint declares does not compile', () => {
    const misspelt = endpoint({
      ...base,
      permission: 'none',
      route: 'GET /api/toys/:toyId',
      // @ts-expect-error -- a code that no feature declares
      params: { toyId: { id: 'run', missing: 'run-not-fuond' } },
      returns: { 200: Nothing },
      // @ts-expect-error -- a code that no feature declares
      fails: ['run-not-fuond'],
      handle: async () => ok(null),
    })
    expect(misspelt.fails).toEqual(['run-not-fuond'])
  })
})
