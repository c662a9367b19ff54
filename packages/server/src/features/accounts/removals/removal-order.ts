/** A foreign key between two tables. */
export interface Reference {
  readonly child: string
  readonly parent: string
}

/**
 * Sorts tables so that each comes before the tables that it refers to: then the deletion of a row finds no row that
 * refers to it. Throws an Error when tables refer to each other in a circle.
 */
export function childrenFirst(tables: readonly string[], references: readonly Reference[]): string[] {
  const sorted: string[] = []
  const left = new Set(tables)
  while (left.size > 0) {
    const hasChild = (table: string) =>
      references.some(({ child, parent }) => parent === table && child !== table && left.has(child))
    const next = [...left].filter((table) => !hasChild(table))
    if (next.length === 0) throw new Error(`The tables ${[...left].join(', ')} refer to each other.`)
    for (const table of next) left.delete(table)
    sorted.push(...next)
  }
  return sorted
}
