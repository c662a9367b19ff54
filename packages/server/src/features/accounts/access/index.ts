export { findEndUsers, findMemberships, findOpenSessions, findValidKeys } from './access-store.ts'
export { createAccess } from './create-access.ts'
export { hashKey } from './key-directory.ts'
