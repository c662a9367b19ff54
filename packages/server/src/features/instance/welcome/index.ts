import { feature } from '../../../platform/http/feature.ts'
import { showWelcome } from './show-welcome.ts'

export const welcomeFeature = feature({
  folder: 'instance/welcome',
  tag: 'Welcome',
  description: 'The page at the root.',
  endpoints: { showWelcome },
})
