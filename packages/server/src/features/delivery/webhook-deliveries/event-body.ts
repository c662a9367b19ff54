import { toWireId } from '../../../platform/ids/id.ts'
import type { WebhookEvent } from './delivery.ts'

/** The fields of a run that can be large: what `full` has and `summary` has not. */
export interface RunContent {
  readonly input: unknown
  readonly config: unknown
  readonly metadata: unknown
  readonly output: unknown
  readonly report: string | null
}

/** The bulky part of an event's subject: none of it is wanted, it is gone, or here it is. */
export type EventContent = 'unwanted' | 'deleted' | RunContent

/** What a receiver is sent. */
export interface EventBody {
  readonly id: string
  readonly object: 'event'
  readonly type: string
  readonly apiVersion: string
  /** Unix seconds. */
  readonly created: number
  readonly data: { readonly object: unknown }
}

/** More than so much of `data` is not sent: what is largest by nature is left out first. */
export const dataBytesMax = 256 * 1024

/** In the order in which they are left out. */
const bulkyFields = ['output', 'report', 'input', 'metadata', 'config'] as const

/** The body of an event in its newest shape, before it is rendered in the webhook's version. */
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

/** The envelope around a rendered object. */
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
