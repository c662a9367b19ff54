/**
 * How many of a process's places are only for organizations that have none there: otherwise two organizations of one
 * user could take all. None where one organization may have everything.
 */
export function keptForNewOrganizations(places: number, percent: number): number {
  return organizationShare(places, percent) < places ? 1 : 0
}

/** The part of a process's places that one organization can have: a percentage of them, and at least one. */
export function organizationShare(places: number, percent: number): number {
  return Math.max(1, Math.floor((places * percent) / 100))
}
