import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { toWireId } from '../../../platform/ids/id.ts'
import type { Platform } from '../../../platform/platform.ts'
import { contentSeals } from '../../accounts/end-users/index.ts'
import { finalOutboxTypes, findRun, toRunWire, unsealRunError, unsealRunWith } from '../../execution/runs/index.ts'
import type { Webhook } from '../webhooks/index.ts'
import type { WebhookEvent } from './delivery.ts'

/** The fields of a run that can be large; sent with `full` and omitted with `summary`. */
export interface RunContent {
  readonly input: unknown
  readonly config: unknown
  readonly metadata: unknown
  readonly output: unknown
  readonly report: string | null
}

/** The large part of an event's run: not requested, deleted, or its content. */
export type EventContent = 'unwanted' | 'deleted' | RunContent

/** The body that a receiver gets. */
export interface EventBody {
  readonly id: string
  readonly object: 'event'
  readonly type: string
  readonly apiVersion: string
  /** Unix seconds. */
  readonly created: number
  readonly data: { readonly object: unknown }
}

/** Limit for `data`: above it, fields are omitted, beginning with those that are usually the largest. */
export const dataBytesMax = 256 * 1024

/** In the order in which they are omitted. */
const bulkyFields = ['output', 'report', 'input', 'metadata', 'config'] as const

/** What rendering an event reads from. */
export type RenderingPlatform = Pick<Platform, 'db' | 'use' | 'versions'>

/** The body that a webhook gets for an event, in the webhook's version. */
export async function renderEvent(
  platform: RenderingPlatform,
  webhook: Pick<Webhook, 'apiVersion' | 'payloadMode'>,
  event: WebhookEvent,
): Promise<EventBody> {
  const content =
    webhook.payloadMode === 'full' && event.runId !== null
      ? await readContent(platform, event, event.runId)
      : 'unwanted'
  const object = eventObject({ runId: event.runId, payload: await unsealPayload(platform, event) }, content)
  return eventBody(event, webhook.apiVersion, toVersionOf(platform, webhook, { type: event.type, payload: object }))
}

async function readContent(platform: RenderingPlatform, event: WebhookEvent, runId: string): Promise<EventContent> {
  const scope = { organizationId: event.organizationId, applicationId: event.applicationId, endUserId: null }
  const stored = await findRun(platform.db, scope, runId)
  if (stored === undefined) return 'deleted'
  const sealOf = await platform.use(contentSeals).ofAll(platform.db, stored.applicationId, [stored.endUserId])
  const { input, config, metadata, output, report } = toRunWire(unsealRunWith(sealOf(stored.endUserId), stored))
  // A later attempt must not include data from after the event.
  const result = finalOutboxTypes.has(event.type) ? { output, report } : { output: null, report: null }
  return { input, config, metadata, ...result }
}

const text = Type.String()
const storedError = Compile(
  Type.Object({
    code: text,
    message: text,
    reasons: Type.Optional(Type.Array(Type.Object({ pointer: text, message: text }))),
  }),
)

// The error texts of an end-user's run are stored encrypted, as in the run itself.
async function unsealPayload(
  platform: RenderingPlatform,
  { applicationId, endUserId, payload }: WebhookEvent,
): Promise<WebhookEvent['payload']> {
  const error = payload['error']
  if (endUserId === null || !storedError.Check(error)) return payload
  const sealOf = await platform.use(contentSeals).ofAll(platform.db, applicationId, [endUserId])
  return { ...payload, error: unsealRunError(sealOf(endUserId), error) }
}

/** The object of an event in its newest shape, before it is converted to the webhook's version. */
export function eventObject(
  event: Pick<WebhookEvent, 'payload' | 'runId'>,
  content: EventContent,
): Record<string, unknown> {
  if (event.runId === null) return { ...event.payload }
  const summary = { object: 'run', ...event.payload }
  if (content === 'unwanted') return summary
  if (content === 'deleted') return { ...summary, contentDeleted: true }
  return fitted({ ...summary, ...content })
}

/** The envelope around a converted object. */
export function eventBody(
  event: Pick<WebhookEvent, 'id' | 'type' | 'createdAt'>,
  apiVersion: string,
  object: unknown,
): EventBody {
  return {
    id: toWireId('evt', event.id),
    object: 'event',
    type: event.type,
    apiVersion,
    created: Math.floor(event.createdAt.getTime() / 1000),
    data: { object },
  }
}

function fitted(object: Record<string, unknown>): Record<string, unknown> {
  let fitting = object
  for (const field of bulkyFields) {
    if (jsonBytes(fitting) <= dataBytesMax) break
    const { [field]: left, ...rest } = fitting
    if (left !== null && left !== undefined) fitting = { ...rest, [`${field}Truncated`]: true }
  }
  return fitting
}

function jsonBytes(object: Record<string, unknown>): number {
  return Buffer.byteLength(JSON.stringify({ object }))
}

/** Converts an event's payload from its newest shape to the webhook's version, as `event:<type>` of the chain. */
export function toVersionOf(
  { versions }: Pick<Platform, 'versions'>,
  { apiVersion }: Pick<Webhook, 'apiVersion'>,
  { type, payload }: { type: string; payload: unknown },
): unknown {
  return versions.downgradeReply(apiVersion, `event:${type}`, payload)
}
