import { Type } from 'typebox'
import { contributed } from '../../../platform/http/openapi/contributed.ts'
import { toWireTime, wire, WireId, WireTime } from '../../../platform/http/wire.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import type { Erasure } from './erasure.ts'

export const ErasureWire = contributed<{ readonly endUserId: string; readonly erasedAt: string }>(
  [{ hook: 'erase' }],
  wire('Erasure', {
    endUserId: WireId('eu'),
    erasedAt: WireTime,
    // Connections do not exist yet; the field is a part of the API already.
    connections: Type.Object({ deleted: Type.Integer({ minimum: 0 }) }),
    dataKey: Type.Literal('destroyed', {
      description: 'Content that was encrypted with it cannot be read again, in any copy.',
    }),
  }),
)

export function toErasureWire({ endUserId, erasedAt, report }: Erasure) {
  return { endUserId: toWireId('eu', endUserId), erasedAt: toWireTime(erasedAt), ...report }
}
