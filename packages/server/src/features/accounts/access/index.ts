export { createAccess } from './create-access.ts'
