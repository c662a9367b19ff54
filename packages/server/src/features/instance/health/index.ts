import { feature } from '../../../platform/http/feature.ts'
import { getHealth } from './get-health.ts'
import { getReady } from './get-ready.ts'

export const healthFeature = feature({
  folder: 'instance/health',
  tag: 'Health',
  description: 'Liveness and readiness, for load balancers and supervisors.',
  endpoints: { getHealth, getReady },
})

export { readiness } from './readiness.ts'
