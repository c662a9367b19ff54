import type { Feature } from '../platform/http/feature.ts'
import { apiKeysFeature } from './accounts/api-keys/index.ts'
import { applicationsFeature } from './accounts/applications/index.ts'
import { organizationsFeature } from './accounts/organizations/index.ts'
import { signInFeature } from './accounts/sign-in/index.ts'
import { agentsFeature } from './catalog/agents/index.ts'
import { modelsFeature } from './catalog/models/index.ts'
import { providerKeysFeature } from './catalog/provider-keys/index.ts'
import { healthFeature } from './delivery/health/index.ts'
import { realtimeFeature } from './delivery/realtime/index.ts'
import { welcomeFeature } from './delivery/welcome/index.ts'
import { filesFeature } from './execution/files/index.ts'
import { runsFeature } from './execution/runs/index.ts'

/** The table of contents of the product. */
export const features: readonly Feature[] = [
  signInFeature,
  organizationsFeature,
  applicationsFeature,
  apiKeysFeature,
  providerKeysFeature,
  modelsFeature,
  agentsFeature,
  filesFeature,
  runsFeature,
  realtimeFeature,
  healthFeature,
  welcomeFeature,
]
