import type { Feature } from '../platform/http/feature.ts'
import { administratorsFeature } from './accounts/administrators/index.ts'
import { apiKeysFeature } from './accounts/api-keys/index.ts'
import { applicationsFeature } from './accounts/applications/index.ts'
import { endUsersFeature } from './accounts/end-users/index.ts'
import { invitationsFeature } from './accounts/invitations/index.ts'
import { membersFeature } from './accounts/members/index.ts'
import { organizationsFeature } from './accounts/organizations/index.ts'
import { quotasFeature } from './accounts/quotas/index.ts'
import { profileFeature } from './accounts/profile/index.ts'
import { securityLogFeature } from './accounts/security-log/index.ts'
import { signInFeature } from './accounts/sign-in/index.ts'
import { signUpFeature } from './accounts/sign-up/index.ts'
import { suspensionsFeature } from './accounts/suspensions/index.ts'
import { agentsFeature } from './catalog/agents/index.ts'
import { packagesFeature } from './catalog/packages/index.ts'
import { modelsFeature } from './catalog/models/index.ts'
import { providerKeysFeature } from './catalog/provider-keys/index.ts'
import { auditFeature } from './delivery/audit/index.ts'
import { erasuresFeature } from './accounts/erasures/index.ts'
import { organizationQuotasFeature } from './instance/organization-quotas/index.ts'
import { administrationFeature } from './instance/administration/index.ts'
import { instanceSettingsFeature } from './instance/settings/index.ts'
import { healthFeature } from './instance/health/index.ts'
import { notificationsFeature } from './delivery/notifications/index.ts'
import { removalsFeature } from './accounts/removals/index.ts'
import { retentionFeature } from './accounts/retention/index.ts'
import { realtimeFeature } from './delivery/realtime/index.ts'
import { webhookDeliveriesFeature } from './delivery/webhook-deliveries/index.ts'
import { webhooksFeature } from './delivery/webhooks/index.ts'
import { setupFeature } from './instance/setup/index.ts'
import { welcomeFeature } from './instance/welcome/index.ts'
import { filesFeature } from './execution/files/index.ts'
import { queueFeature } from './execution/queue/index.ts'
import { runsFeature } from './execution/runs/index.ts'
import { sandboxesFeature } from './execution/sandboxes/index.ts'
import { schedulesFeature } from './execution/schedules/index.ts'

/** The table of contents of the product. */
export const features: readonly Feature[] = [
  signInFeature,
  signUpFeature,
  securityLogFeature,
  profileFeature,
  administratorsFeature,
  suspensionsFeature,
  organizationsFeature,
  quotasFeature,
  membersFeature,
  invitationsFeature,
  applicationsFeature,
  apiKeysFeature,
  endUsersFeature,
  providerKeysFeature,
  modelsFeature,
  packagesFeature,
  agentsFeature,
  filesFeature,
  runsFeature,
  schedulesFeature,
  sandboxesFeature,
  queueFeature,
  realtimeFeature,
  webhooksFeature,
  webhookDeliveriesFeature,
  notificationsFeature,
  auditFeature,
  erasuresFeature,
  removalsFeature,
  retentionFeature,
  organizationQuotasFeature,
  healthFeature,
  instanceSettingsFeature,
  administrationFeature,
  setupFeature,
  welcomeFeature,
]
