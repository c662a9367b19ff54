import { problem } from '../problems/problem.ts'

/** A JSON value that the version chain converts. */
export type WireValue = unknown

/** One step down the chain: how the next older version differs for an operation (or `event:<name>` for streams). */
export interface VersionChange {
  readonly appliesTo: string
  /** Converts a request body of the older version to the newer one. */
  readonly upgradeRequest?: (body: WireValue) => WireValue
  /** Converts a reply, event or webhook body of the newer version to the older one. */
  readonly downgradeReply?: (body: WireValue) => WireValue
}

export interface ApiVersion {
  /** `YYYY-MM-DD`. */
  readonly date: string
  /** The differences from the next newer version; empty for the newest. */
  readonly changes: readonly VersionChange[]
  readonly deprecatedAt?: Date
  readonly sunsetAt?: Date
}

/** All API versions, newest first. */
export const apiVersions: readonly ApiVersion[] = [{ date: '2026-03-21', changes: [] }]

export interface VersionRegistry {
  readonly current: string
  has(date: string): boolean
  /**
   * The version of a request: from the header, else the organization's pin, else the current one. Throws
   * `invalid-api-version` or `unsupported-api-version`.
   */
  resolve(header: string | undefined, pin: string | null): string
  upgradeRequest(version: string, operationId: string, body: WireValue): WireValue
  downgradeReply(version: string, operationId: string, body: WireValue): WireValue
  /** `Appstrate-Version`, and for a deprecated version `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and `Link`. */
  headers(version: string): Record<string, string>
}

/** Creates the registry of a chain of versions, newest first. */
export function createVersionRegistry(versions: readonly ApiVersion[]): VersionRegistry {
  const current = versions[0]?.date
  if (current === undefined) throw new Error('At least one API version is needed.')
  const has = (date: string) => versions.some((version) => version.date === date)
  return {
    current,
    has,
    resolve(header, pin) {
      if (header === undefined) return pin !== null && has(pin) ? pin : current
      checkFormat(header)
      if (has(header)) return header
      const known = versions.map((version) => version.date).join(', ')
      throw problem('unsupported-api-version', {
        detail: `The API version ${header} does not exist. Known versions: ${known}.`,
      })
    },
    upgradeRequest: (version, operationId, body) =>
      changesSince(versions, version, operationId).reduce(
        (value, change) => change.upgradeRequest?.(value) ?? value,
        body,
      ),
    downgradeReply: (version, operationId, body) =>
      changesSince(versions, version, operationId).reduceRight(
        (value, change) => change.downgradeReply?.(value) ?? value,
        body,
      ),
    headers: (version) => versionHeaders(versions, version),
  }
}

function checkFormat(header: string): void {
  if (/^\d{4}-\d{2}-\d{2}$/.test(header) && !Number.isNaN(Date.parse(header))) return
  throw problem('invalid-api-version', { detail: 'Appstrate-Version must be a date such as 2026-03-21.' })
}

// Oldest step first, the order in which a request is upgraded; a reply is downgraded in reverse.
function changesSince(versions: readonly ApiVersion[], version: string, operationId: string): VersionChange[] {
  return versions
    .slice(0, versions.findIndex((entry) => entry.date === version) + 1)
    .reverse()
    .flatMap((entry) => entry.changes.filter((change) => change.appliesTo === operationId))
}

function versionHeaders(versions: readonly ApiVersion[], version: string): Record<string, string> {
  const entry = versions.find(({ date }) => date === version)
  const headers: Record<string, string> = { 'Appstrate-Version': version }
  if (entry?.deprecatedAt !== undefined) headers['Deprecation'] = `@${Math.floor(entry.deprecatedAt.getTime() / 1000)}`
  if (entry?.sunsetAt !== undefined) {
    headers['Sunset'] = entry.sunsetAt.toUTCString()
    headers['Link'] = `<https://appstrate.dev/docs/versions#${version}>; rel="sunset"`
  }
  return headers
}
