import { Type, type TProperties } from 'typebox'
import type { AppScope } from '../../../platform/access/caller.ts'
import type { ErasureCounts, Hooks } from '../../../platform/hooks/hooks.ts'
import { contributed } from '../../../platform/http/openapi/contributed.ts'
import { OneOf, toWireTime, wire, WireId, WireTime } from '../../../platform/http/wire.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import type { Platform } from '../../../platform/platform.ts'
import { isBeingErased } from '../end-users/index.ts'
import { findErasure } from './erasure-store.ts'

const statuses = ['erasing', 'erased'] as const

interface OwnFields {
  readonly endUserId: string
  readonly erasedAt: string
  readonly status: (typeof statuses)[number]
}

export const ErasureWire = contributed<OwnFields>(
  [{ hook: 'erase' }],
  wire('Erasure', {
    endUserId: WireId('eu'),
    erasedAt: { ...WireTime, description: 'From this time on the end-user is not found.' },
    status: {
      ...OneOf([...statuses]),
      description: '`erasing` until everything is removed; the numbers grow until then.',
    },
    // Connections do not exist yet; the field is a part of the API already.
    connections: Type.Object({ deleted: Type.Integer({ minimum: 0 }) }),
    dataKey: Type.Literal('destroyed', {
      description: 'Content that was encrypted with it cannot be read again, in any copy.',
    }),
  }),
)

/** The report of an erasure; undefined if there was none in the application. */
export async function loadErasureWire(
  { db, hooks }: Pick<Platform, 'db' | 'hooks'>,
  scope: AppScope,
  endUserId: string,
) {
  // In this order: the numbers of an erasure that has ended are complete.
  const isErasing = await isBeingErased(db, { ...scope, endUserId })
  const erasure = await findErasure(db, scope, endUserId)
  if (erasure === undefined) return undefined
  return {
    ...nothingOf(hooks),
    ...erasure.counts,
    endUserId: toWireId('eu', endUserId),
    erasedAt: toWireTime(erasure.erasedAt),
    status: isErasing ? ('erasing' as const) : ('erased' as const),
    connections: { deleted: 0 },
    dataKey: 'destroyed',
  }
}

/** Zero for every number that features report, for those that an erasure has nothing to say about. */
function nothingOf(hooks: Hooks): ErasureCounts {
  const fields = hooks.erase.flatMap(({ report }) => Object.entries(report))
  return Object.fromEntries(fields.map(([name, schema]) => [name, zerosOf(schema)]))
}

function zerosOf(schema: TProperties[string]): Record<string, number> {
  const properties: unknown = 'properties' in schema ? schema.properties : undefined
  const names = typeof properties === 'object' && properties !== null ? Object.keys(properties) : []
  return Object.fromEntries(names.map((name) => [name, 0]))
}
