import semver from 'semver'
import { problem } from '../../../platform/problems/problem.ts'

/** One immutable version of a package; the manifest is as it is stored. */
export interface PackageVersion {
  readonly id: string
  readonly version: string
  readonly manifest: unknown
  readonly prompt: string
  readonly createdAt: Date
}

const versionPartMax = 999_999_999

/** Number of the next version: the given one, else one patch above the highest. Throws version-not-higher. */
export function nextVersion(existing: readonly string[], given: string | undefined): string {
  const [highest] = semver.rsort([...existing])
  if (highest === undefined) throw new Error('The package has no version.')
  if (given === undefined) return bump(highest)
  if (semver.gt(given, highest)) return given
  throw problem('version-not-higher', {
    detail: `The version must be higher than ${highest}, the highest existing version.`,
  })
}

/** True for an exact semantic version, without a `v` and without a range. */
export function isVersion(text: string): boolean {
  const parsed = semver.parse(text)
  if (parsed === null) return false
  const build = parsed.build.length === 0 ? '' : `+${parsed.build.join('.')}`
  return (
    text === `${parsed.version}${build}` &&
    [parsed.major, parsed.minor, parsed.patch].every((part) => part <= versionPartMax)
  )
}

function bump(version: string): string {
  const next = semver.inc(version, 'patch')
  if (next === null) throw new Error(`${version} is not a semantic version.`)
  return next
}
