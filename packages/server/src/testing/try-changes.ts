export interface Changeable<S extends string> {
  readonly statuses: readonly S[]
  /** Makes one in a status; returns its id. */
  given(status: S): Promise<string>
  read(id: string): Promise<S>
  /** The writes that can change the status. One that refuses may throw. */
  readonly writes: readonly ((id: string) => Promise<unknown>)[]
}

/** Tries every write on every status; returns each change that the database made, as `from -> to`, once and sorted. */
export async function tryChanges<S extends string>({
  statuses,
  given,
  read,
  writes,
}: Changeable<S>): Promise<string[]> {
  const made = new Set<string>()
  for (const from of statuses) {
    for (const write of writes) {
      const id = await given(from)
      await write(id).catch(() => undefined)
      const to = await read(id)
      if (to !== from) made.add(`${from} -> ${to}`)
    }
  }
  return [...made].sort()
}

/** The changes of a table of transitions, in the same form. */
export function changesOf(table: Readonly<Record<string, readonly string[]>>): string[] {
  return Object.entries(table)
    .flatMap(([from, next]) => next.map((to) => `${from} -> ${to}`))
    .sort()
}
