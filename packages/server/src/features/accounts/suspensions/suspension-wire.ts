import { Type, type Static } from 'typebox'
import { Nullable, toWireTime, wire, WireTime } from '../../../platform/http/wire.ts'
import type { Suspension } from './suspension-store.ts'

/** The suspension of an organization or a user; null if it is not suspended. */
export const SuspensionField = Nullable(
  wire('Suspension', {
    reason: Type.String({ description: 'Shown to those who are refused.' }),
    suspendedAt: WireTime,
  }),
)

export function toSuspensionField(found: Suspension | null): Static<typeof SuspensionField> {
  return found === null ? null : { reason: found.reason, suspendedAt: toWireTime(found.suspendedAt) }
}
