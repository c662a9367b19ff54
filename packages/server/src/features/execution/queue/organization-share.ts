/** The part of a process's places that one organization can have: a percentage of them, and at least one. */
export function organizationShare(places: number, percent: number): number {
  return Math.max(1, Math.floor((places * percent) / 100))
}
