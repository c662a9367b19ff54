import type { Db } from '../../platform/db/database.ts'
import type { Tenant } from '../factories/tenant.ts'
import type { Answer, Send } from '../request.ts'
import type { World } from '../world.ts'

/** Words that stand in every text of a tenant, by who may see it: its members, its application, one end-user. */
export interface Marks {
  readonly organization: string
  readonly application: string
  readonly endUser: string
}

/** Things that were made. */
export interface Made {
  /** Wire ids. */
  readonly ids: readonly unknown[]
  /** Texts, by the name of the path parameter that takes them. */
  readonly texts?: Readonly<Record<string, readonly string[]>>
}

/** A tenant that is being filled. */
export interface Making {
  readonly world: World
  /** A model server that plays the scenario `leave-everything`. */
  readonly modelsUrl: string
  /** Answers 200 to webhooks. */
  readonly receiverUrl: string
  readonly tenant: Tenant
  /** Sends with the owner's cookie. */
  readonly owner: Send
  readonly marks: Marks
  /** The first id with this prefix that an earlier noun has made for the organization or the application. */
  idOf(prefix: string): string
}

/** Somebody who has things of their own in the application: an API key, a user or an end-user. */
export interface ContentHolder {
  readonly send: Send
  /** The word for the texts of their things. */
  readonly mark: string
  /** The id with this prefix that an earlier noun has made for the same holder. */
  idOf(prefix: string): string
}

/** An application, with an end-user and an agent, whose tables are to be filled. Ids are stored UUIDs. */
export interface RowOwner {
  readonly organizationId: string
  readonly applicationId: string
  readonly endUserId: string
  readonly agentId: string
}

/** How a noun fills a tenant for the isolation test. Nouns fill in the order of the list of features. */
export interface TenantFilling {
  inOrganization?(making: Making): Promise<Made>
  inApplication?(making: Making): Promise<Made>
  forHolder?(making: Making, holder: ContentHolder): Promise<Made>
  /** Waits, while jobs work, until the noun has everything that follows from the other things. */
  settle?(making: Making): Promise<Made>
  /** Inserts at least one row into each of the noun's tables, for tests that need rows and no API. */
  insertRows?(db: Db, owner: RowOwner): Promise<void>
}

/** The body of an answer that must be a success. */
export async function must(answer: Promise<Answer>): Promise<Answer['body']> {
  const { status, body, text } = await answer
  if (status >= 300) throw new Error(`A tenant could not be filled: ${status} ${text}`)
  return body
}
