import { afterAll, describe, expect, it } from 'vitest'
import { toWireId } from '../../../platform/ids/id.ts'
import { createSchemaChecks } from '../../../platform/json-schema/schema-checks.ts'
import { findContentMistakes, parseAgentReference } from './agent.ts'

describe('parseAgentReference', () => {
  it('accepts agent_… and @scope/name, and nothing else', () => {
    const uuid = '0190a5c0-0000-7000-8000-000000000001'
    expect(parseAgentReference(toWireId('agent', uuid))).toEqual({ id: uuid })
    expect(parseAgentReference('@acme/csv-totals')).toEqual({ scope: 'acme', name: 'csv-totals' })
    for (const text of [
      '',
      'agent_',
      toWireId('run', uuid),
      'acme/csv',
      '@acme',
      '@acme/',
      '@acme/x/y',
      '@acme/x\0',
      uuid,
    ]) {
      expect(parseAgentReference(text), text).toBeUndefined()
    }
  })
})

describe('findContentMistakes', () => {
  const checks = createSchemaChecks()
  afterAll(() => checks.close())
  const where = { checks, organizationId: 'one' }

  it('reports all mistakes at once', async () => {
    const mistakes = await findContentMistakes(where, {
      prompt: 'é'.repeat(100_001),
      input: { type: 'array' },
      output: { type: 'object', $ref: 'https://x.test/a' },
      version: 'v1',
    })
    expect(mistakes.map(({ pointer, code }) => `${pointer} ${code}`)).toEqual([
      '/prompt maxBytes',
      '/input/type const',
      '/output/$ref reference',
      '/version semver',
    ])
  })

  it('finds none in good content', async () => {
    const good = { prompt: 'é'.repeat(100_000), input: { type: 'object' }, output: null, version: '1.0.0' }
    expect(await findContentMistakes(where, good)).toEqual([])
  })
})
