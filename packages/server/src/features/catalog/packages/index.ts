export { findInstallation, toInstallation } from './installation-store.ts'
export { insertPackage } from './package-store.ts'
export {
  findNumberedVersion,
  findPackageVersion,
  insertPackageVersion,
  loadPackageVersions,
  loadVersionNumbers,
} from './package-version-store.ts'
export { isVersion, nextVersion, type PackageVersion } from './package-version.ts'
export { parsePackageName, type Installation, type PackageName } from './package.ts'
