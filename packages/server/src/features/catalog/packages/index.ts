import { feature } from '../../../platform/http/feature.ts'
import { packagesOf, removeInstalled, removePackages, removePackageVersions } from './package-store.ts'

export const packagesFeature = feature({
  folder: 'catalog/packages',
  tag: 'Packages',
  description: 'What an organization publishes and installs into its applications, in immutable versions.',
  owns: ['packages', 'package_versions', 'application_packages'],
  // An agent is an installed package: its lists and changes are statements over the same rows.
  sharedWith: {
    packages: ['catalog/agents'],
    package_versions: ['catalog/agents'],
    application_packages: ['catalog/agents'],
  },
  removes: {
    application: { application_packages: removeInstalled },
    organization: { packages: removePackages, package_versions: removePackageVersions },
  },
  contents: { organization: { packages: { rows: packagesOf } } },
  endpoints: {},
})

export { findInstallation, toInstallation } from './installation-store.ts'
export { insertPackage, isInstalledNowhere } from './package-store.ts'
export {
  findNumberedVersion,
  findPackageVersion,
  insertPackageVersion,
  loadPackageVersions,
  type PackageVersionSummary,
  loadVersionNumbers,
} from './package-version-store.ts'
export { isVersion, nextVersion, type PackageVersion } from './package-version.ts'
export { parsePackageName, type Installation, type PackageName } from './package.ts'
