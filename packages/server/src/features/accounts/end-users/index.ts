import { readWriteDelete, rights } from '../../../platform/access/permissions.ts'
import { feature } from '../../../platform/http/feature.ts'
import { removeDataKeys } from './data-key-store.ts'
import { endUsersOf, removeEndUsers, isEndUserKept } from './end-user-store.ts'
import { createEndUser } from './create-end-user.ts'
import { getEndUser } from './get-end-user.ts'
import { listEndUsers } from './list-end-users.ts'
import { updateEndUser } from './update-end-user.ts'

const problems = {
  'end-user-not-found': { status: 404, title: 'End-User Not Found' },
  'external-id-taken': { status: 409, title: 'External Id Taken' },
  'email-taken': { status: 409, title: 'E-Mail Taken' },
} as const
const permissions = {
  'end-users': rights({ owner: readWriteDelete, member: ['read', 'write'], viewer: ['read'], grantable: true }),
}

declare module '../../../platform/vocabulary/vocabulary.ts' {
  interface ProblemCatalogue extends Readonly<typeof problems> {}
}

export const endUsersFeature = feature({
  folder: 'accounts/end-users',
  tag: 'End-users',
  description: 'The people who use your product.',
  problems,
  permissions,
  removes: { application: { end_users: removeEndUsers, end_user_keys: removeDataKeys } },
  owns: ['end_users', 'end_user_keys'],
  contents: { application: { endUsers: { rows: endUsersOf } } },
  isKept: { eu: isEndUserKept },
  endpoints: { createEndUser, listEndUsers, getEndUser, updateEndUser },
})

export { contentSeals } from './content-seals.ts'
export { erasedSeal, plainSeal, type ContentSeal } from './content-seal.ts'
export { deleteDataKey } from './data-key-store.ts'
export {
  endUserExists,
  findEndUser,
  findEndUsers,
  hasEndUser,
  holdEndUsers,
  isNotErased,
  lockEndUser,
} from './end-user-store.ts'
export {
  deleteErased,
  findErased,
  isBeingErased,
  lockErased,
  markErased,
  refuseReferences,
} from './erased-end-user-store.ts'
export { holdEndUser } from './hold-end-user.ts'
