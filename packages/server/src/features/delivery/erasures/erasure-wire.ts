import { Type, type Static } from 'typebox'
import { toWireTime, wire, WireId, WireTime } from '../../../platform/http/wire.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import type { Erasure } from './erasure.ts'

const count = Type.Integer({ minimum: 0 })
const deleted = Type.Object({ deleted: count })

export const ErasureWire = wire('Erasure', {
  endUserId: WireId('eu'),
  erasedAt: WireTime,
  runs: Type.Object({
    anonymised: { ...count, description: 'They stay for billing: without content, and without the end-user.' },
    cancelled: { ...count, description: 'Those of them that had not ended.' },
  }),
  runEvents: deleted,
  files: Type.Object({ deleted: count, bytes: count }),
  schedules: deleted,
  notifications: deleted,
  webhookEvents: { ...deleted, description: 'With their deliveries.' },
  connections: deleted,
  dataKey: Type.Literal('destroyed', {
    description: 'What was sealed with it can not be read again, wherever a copy may be.',
  }),
})

export function toErasureWire({ endUserId, erasedAt, report }: Erasure): Static<typeof ErasureWire> {
  return { endUserId: toWireId('eu', endUserId), erasedAt: toWireTime(erasedAt), ...report }
}
