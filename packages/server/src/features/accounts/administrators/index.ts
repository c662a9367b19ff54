import { feature } from '../../../platform/http/feature.ts'

export { grantByCommand, revokeByCommand } from './grant-by-command.ts'
export {
  administratorMark,
  deleteAdministrator,
  insertAdministrator,
  isAdministrator,
  lockAdministrators,
} from './administrator-store.ts'

export const administratorsFeature = feature({
  folder: 'accounts/administrators',
  tag: 'Administrators',
  description: 'Administrators of the instance: a mark on users, independent of their roles in organizations.',
  owns: ['administrators'],
  endpoints: {},
})
