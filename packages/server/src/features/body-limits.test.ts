import { describe, expect, it } from 'vitest'
import { listOperations } from '../platform/http/api.ts'
import { bodyBytesDefault, type Endpoint } from '../platform/http/endpoint.ts'
import { features } from './index.ts'

const withJson = listOperations(features).filter(
  ({ endpoint }) => endpoint.body !== undefined && endpoint.bodyKind !== 'multipart',
)
const bytesOf = ({ bodyBytesMax = bodyBytesDefault }: Endpoint) => bodyBytesMax

/** Endpoints with a long text or a free JSON object. */
const large = ['createAgent', 'updateAgent', 'startRun', 'runAgent']
const largeSchedules = ['createSchedule', 'createAgentSchedule', 'updateSchedule']
const endUsers = ['createEndUser', 'updateEndUser']

describe('the limits of bodies', () => {
  it('are at most 64 KiB, except where a field needs more', () => {
    const above = withJson.filter(({ endpoint }) => bytesOf(endpoint) > bodyBytesDefault).map(({ id }) => id)
    expect(above.sort()).toEqual([...large, ...largeSchedules, ...endUsers].sort())
  })

  it('are at most 32 KiB where anybody may send one', () => {
    const anonymous = withJson.filter(({ endpoint }) => endpoint.caller === 'anyone')
    expect(anonymous.length).toBeGreaterThan(3)
    for (const { id, endpoint } of anonymous) expect(bytesOf(endpoint), id).toBeLessThanOrEqual(32_768)
  })

  it('leave room for the longest valid texts of the schema', () => {
    for (const { id, endpoint } of withJson)
      expect(longestTexts(endpoint.body), id).toBeLessThanOrEqual(bytesOf(endpoint))
  })
})

/** The sum of the longest texts of the fields that have a limit, in characters. */
function longestTexts(schema: unknown): number {
  if (typeof schema !== 'object' || schema === null) return 0
  const own = 'maxLength' in schema && typeof schema.maxLength === 'number' ? schema.maxLength : 0
  const inner = Object.values(schema).reduce<number>((sum, value) => sum + longestTexts(value), 0)
  const items = 'maxItems' in schema && typeof schema.maxItems === 'number' ? schema.maxItems : 1
  return own + inner * items
}
