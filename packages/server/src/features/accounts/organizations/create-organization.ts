import { randomBytes } from 'node:crypto'
import type { Tx } from '../../../platform/db/database.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { insertApplication } from '../applications/index.ts'
import { insertMember } from './member-store.ts'
import { slugOf, slugTaken, slugWithMark, type Organization } from './organization.ts'
import { findOrganization, insertOrganization, type NewOrganization } from './organization-store.ts'

export interface CreatedOrganization {
  readonly organization: Organization
  /** The stored id of the application `Default`. */
  readonly applicationId: string
}

export interface OrganizationRequest {
  readonly name: string
  /** If undefined, the slug is derived from the name. */
  readonly slug: string | undefined
  readonly apiVersion: string
  /** The user who becomes the owner. */
  readonly userId: string
}

/** Creates an organization with its owner, pinned API version and default application. Throws slug-taken. */
export async function createOrganization(
  tx: Tx,
  { name, slug, apiVersion, userId }: OrganizationRequest,
): Promise<CreatedOrganization> {
  const fields = { name, apiVersion, createdBy: userId }
  const organizationId =
    slug === undefined ? await insertUnderFreeSlug(tx, fields) : await insertOrganization(tx, { ...fields, slug })
  if (organizationId === undefined) throw slugTaken(slug)
  const scope = { organizationId }
  await insertMember(tx, scope, { userId, role: 'owner' })
  const application = await insertApplication(tx, scope, { name: 'Default', isDefault: true, createdBy: userId })
  const organization = foundOr(await findOrganization(tx, scope, userId), 'org-not-found')
  return { organization, applicationId: application.id }
}

async function insertUnderFreeSlug(tx: Tx, fields: Omit<NewOrganization, 'slug'>): Promise<string | undefined> {
  const slug = slugOf(fields.name)
  const first = slug === '' ? undefined : await insertOrganization(tx, { ...fields, slug })
  return first ?? insertOrganization(tx, { ...fields, slug: slugWithMark(slug, randomBytes(4).toString('hex')) })
}
