/** Identifiers of existing resources: wire ids by prefix, and other texts by the name of their path parameter. */
export interface Belongings {
  readonly ids: ReadonlyMap<string, readonly string[]>
  readonly texts: ReadonlyMap<string, readonly string[]>
}

const wireId = /\b([a-z]{2,5})_[0-7][0-9a-hjkmnp-tv-z]{25}\b/g

/** Every wire id in a text. */
export function findWireIds(text: string): string[] {
  return [...new Set(text.match(wireId) ?? [])]
}

/** `run_01…` → `run`. */
export function prefixOf(id: string): string {
  return id.slice(0, id.lastIndexOf('_'))
}

/** Groups ids by prefix, in the given order. */
export function byPrefix(ids: Iterable<string>): Map<string, string[]> {
  const groups = new Map<string, string[]>()
  for (const id of new Set(ids)) groups.set(prefixOf(id), [...(groups.get(prefixOf(id)) ?? []), id])
  return groups
}
