/** Every status of a thing, and the statuses that can follow each. */
type Transitions<S extends string> = Readonly<Record<S, readonly S[]>>

/** The statuses of a table that nothing follows. */
export type TerminalOf<T extends Transitions<string>> = {
  [S in keyof T]: T[S] extends readonly [] ? S : never
}[keyof T]

/** What follows from a table of transitions: the lists that guards and SQL use. */
export interface Lifecycle<S extends string, Terminal extends S> {
  /** Every status, in the order of the table. */
  readonly statuses: readonly S[]
  /** The statuses that something can follow. */
  readonly unfinished: readonly Exclude<S, Terminal>[]
  /** The statuses that nothing follows. */
  readonly terminal: readonly Terminal[]
  /** The statuses from which `to` can be reached: what an update to `to` must find. */
  before(to: S): S[]
  isTerminal(status: S): status is Terminal
  /** Every change that the table allows, as two lists of the same length. */
  readonly changes: { readonly from: readonly S[]; readonly to: readonly S[] }
}

/** Derives every list of statuses from one table of transitions. */
export function lifecycleOf<const T extends Transitions<keyof T & string>>(
  table: T,
): Lifecycle<keyof T & string, TerminalOf<T> & string> {
  type Status = keyof T & string
  type Terminal = TerminalOf<T> & Status
  // Object.keys types its keys as strings; these are the table's own.
  const statuses = Object.keys(table) as Status[]
  const isTerminal = (status: Status): status is Terminal => table[status].length === 0
  return {
    statuses,
    unfinished: statuses.filter((status): status is Exclude<Status, Terminal> => !isTerminal(status)),
    terminal: statuses.filter(isTerminal),
    before: (to) => statuses.filter((from) => table[from].some((next) => next === to)),
    isTerminal,
    changes: {
      from: statuses.flatMap((from) => table[from].map(() => from)),
      to: statuses.flatMap((from) => [...table[from]]),
    },
  }
}
