import { toWireId } from '../../../platform/ids/id.ts'
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
