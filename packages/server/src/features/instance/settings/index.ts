import { feature } from '../../../platform/http/feature.ts'
import { getInstance } from './get-instance.ts'

export const instanceSettingsFeature = feature({
  folder: 'instance/settings',
  tag: 'Instance',
  description: 'The settings of the instance that everybody may know.',
  endpoints: { getInstance },
})
