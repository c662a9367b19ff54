import type { Platform } from '../../../platform/platform.ts'
import { contentSeals } from '../../accounts/end-users/index.ts'
import type { KeptDelivery } from './delivery-store.ts'
import { readRequest, readResponse, type KeptRequest, type KeptResponse } from './exchange.ts'

/** The decrypted request and response. Bodies of an erased end-user are null. */
export async function openExchange(
  platform: Platform,
  { event, request, response }: KeptDelivery,
): Promise<{ request: KeptRequest | null; response: KeptResponse | null }> {
  const sealOf = await platform.use(contentSeals).ofAll(platform.db, event.applicationId, [event.endUserId])
  const open = (text: string) => sealOf(event.endUserId).openText(text)
  return { request: readRequest(request, open), response: readResponse(response, open) }
}
