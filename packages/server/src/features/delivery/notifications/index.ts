import { Type } from 'typebox'
import type { EraseHook } from '../../../platform/hooks/hooks.ts'
import { feature } from '../../../platform/http/feature.ts'
import { removeNotifications, removeMarks } from './new-notification-store.ts'
import { countUnread } from './count-unread.ts'
import { countUnreadByAgent } from './count-unread-by-agent.ts'
import { deleteOldNotifications } from './delete-old-notifications.job.ts'
import { listNotifications } from './list-notifications.ts'
import { markAllRead } from './mark-all-read.ts'
import { markNotificationRead } from './mark-notification-read.ts'
import { markRunRead } from './mark-run-read.ts'
import { expireNotifications } from './notification-expiry-store.ts'
import { deleteNotificationsOf } from './notification-store.ts'
import { notifyOfRuns } from './notify-of-runs.ts'

export { insertNotification, type NewNotification } from './new-notification-store.ts'

const problems = {
  'notification-not-found': { status: 404, title: 'Notification Not Found' },
} as const
const idPrefixes = { ntf: 'A notification.' } as const

declare module '../../../platform/vocabulary/vocabulary.ts' {
  interface ProblemCatalogue extends Readonly<typeof problems> {}
  interface IdPrefixes extends Readonly<typeof idPrefixes> {}
}

const eraseNotifications: EraseHook = {
  order: 40,
  report: { notifications: Type.Object({ deleted: Type.Integer({ minimum: 0 }) }) },
  async erase(tx, whose, limit) {
    const { reads, notifications } = await deleteNotificationsOf(tx, whose, limit)
    return { rows: reads + notifications, counts: { notifications: { deleted: notifications } } }
  },
}

export const notificationsFeature = feature({
  folder: 'delivery/notifications',
  tag: 'Notifications',
  description: 'Notifications of ended runs and of disabled webhooks, with a read state for each reader.',
  problems,
  idPrefixes,
  removes: { application: { notifications: removeNotifications, notification_marks: removeMarks } },
  owns: ['notifications', 'notification_reads', 'notification_marks'],
  erase: eraseNotifications,
  expires: { notificationDays: expireNotifications },
  endpoints: { listNotifications, countUnread, countUnreadByAgent, markNotificationRead, markRunRead, markAllRead },
  jobs: [deleteOldNotifications],
  reader: notifyOfRuns,
})
