import type { FastifyRequest } from 'fastify'
import type { OrgScope } from '../../../platform/http/caller.ts'

/**
 * Files the audit entry of this request under another tenant than the one it was authorized in:
 * under the organization that it made, or under none when it deleted its own.
 */
export function auditUnder({ state }: FastifyRequest, scope: OrgScope | undefined): void {
  state.authorization = { ...state.authorization, scope }
}
