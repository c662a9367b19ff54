/** The kinds of packages that exist today. */
export type PackageType = 'agent'

/** The two parts of a package's name, `@scope/name`. */
export interface PackageName {
  readonly scope: string
  readonly name: string
}

/** A package installed in an application. `id` is the installation's. */
export interface Installation {
  readonly id: string
  readonly organizationId: string
  readonly applicationId: string
  readonly packageId: string
  /** `@scope/name`. */
  readonly name: string
  /** The installed version. */
  readonly versionId: string
  readonly version: string
  /** The model that the application chose for it; null means the organization's default. */
  readonly modelId: string | null
  readonly enabled: boolean
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** Parses `@scope/name`; undefined when the text is not the name of a package. */
export function parsePackageName(text: string): PackageName | undefined {
  const [, scope, name] = /^@([a-z0-9-]{1,100})\/([a-z0-9-]{1,64})$/.exec(text) ?? []
  return scope === undefined || name === undefined ? undefined : { scope, name }
}
