import { Type, type Static } from 'typebox'
import { Nullable, toWireTime, wire, WireId, WireTime } from '../../../platform/http/wire.ts'
import { toWireId, toWireIdOrNull } from '../../../platform/ids/id.ts'
import type { Notification } from './notification.ts'

export const NotificationWire = wire('Notification', {
  id: WireId('ntf'),
  type: Type.String({
    examples: ['run.failed'],
    description: 'What happened: `run.completed`, `run.failed`, `run.timeout`, `run.cancelled` or `webhook.disabled`.',
  }),
  message: Type.String({ examples: ['@acme/totals failed: model-error.'] }),
  runId: Nullable(WireId('run')),
  agentId: Nullable(WireId('agent')),
  read: Type.Boolean({ description: 'True if the caller has read the notification.' }),
  createdAt: WireTime,
})

export function toNotificationWire(notification: Notification): Static<typeof NotificationWire> {
  return {
    id: toWireId('ntf', notification.id),
    type: notification.type,
    message: notification.message,
    runId: toWireIdOrNull('run', notification.runId),
    agentId: toWireIdOrNull('agent', notification.agentId),
    read: notification.read,
    createdAt: toWireTime(notification.createdAt),
  }
}
