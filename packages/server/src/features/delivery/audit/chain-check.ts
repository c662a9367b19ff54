import type { Head, Link } from './chain-store.ts'
import { hashEntry, hashOfNothing, toHashedEntry } from './hashed-entry.ts'

/** A defect in a chain, with the number of the entry where it shows. */
export interface ChainProblem {
  readonly seq: number
  readonly kind: 'changed' | 'gap' | 'reordered' | 'head'
  readonly detail: string
}

/** Most problems that are reported: a log rewritten from some entry on has one for every later entry. */
export const problemsMax = 100

/** Checks a chain link by link, from its beginning or after a known entry. */
export class ChainCheck {
  readonly problems: ChainProblem[] = []
  /** Number of entries checked. */
  count = 0
  #seq: number
  /** The hash that the next entry builds on; undefined when the entry that has it is missing. */
  #hash: Buffer | undefined
  #last: Link | undefined

  constructor(start: { readonly seq: number; readonly hash: Buffer | undefined } = { seq: 0, hash: hashOfNothing }) {
    this.#seq = start.seq
    this.#hash = start.hash
  }

  /** Checks the next entry. Entries must be added in the order of their numbers. */
  add(link: Link): void {
    this.count += 1
    if (link.seq === this.#seq)
      return this.#report({
        seq: link.seq,
        kind: 'reordered',
        detail: `There are several entries with the number ${link.seq}.`,
      })
    if (link.seq > this.#seq + 1) this.#reportGap(link.seq)
    else if (this.#hash !== undefined && !this.#follows(this.#hash, link)) this.#reportBreak(link)
    this.#seq = link.seq
    this.#hash = link.hash ?? undefined
    this.#last = link
  }

  #follows(previous: Buffer, { entry, seq, hash }: Link): boolean {
    return hash !== null && hashEntry(previous, toHashedEntry(entry, seq)).equals(hash)
  }

  #reportGap(seq: number): void {
    const [from, to] = [this.#seq + 1, seq - 1]
    this.#report({
      seq: from,
      kind: 'gap',
      detail: from === to ? `Entry ${from} is missing.` : `The entries ${from} to ${to} are missing.`,
    })
    // An entry after a missing hash cannot be checked. Its own hash serves to check the next entry.
    this.#hash = undefined
  }

  #reportBreak(link: Link): void {
    if (this.#last === undefined || !wasCommittedBefore(link, this.#last)) {
      return this.#report({
        seq: link.seq,
        kind: 'changed',
        detail: `The hash of entry ${link.seq} does not match: it or the entry before it was changed.`,
      })
    }
    const at = this.problems.length - 1
    if (this.problems[at]?.seq === this.#last.seq && this.problems[at].kind === 'changed')
      this.problems[at] = reordered(this.#last.seq)
    this.#report(reordered(link.seq))
  }

  #report(problem: ChainProblem): void {
    if (this.problems.length < problemsMax) this.problems.push(problem)
  }
}

// The hash shows that something is wrong; the commit order shows whether entries were moved.
function wasCommittedBefore(a: Link, b: Link): boolean {
  return a.transaction === b.transaction ? a.position < b.position : a.transaction < b.transaction
}

function reordered(seq: number): ChainProblem {
  return { seq, kind: 'reordered', detail: `Entry ${seq} was moved: the entries were committed in another order.` }
}

/** Compares the recorded head of the chain with the last entry of the log. */
export function findHeadProblem(
  head: Head | undefined,
  last: { readonly seq: number; readonly hash: Buffer | null } | undefined,
): ChainProblem | undefined {
  if (head === undefined)
    return last === undefined
      ? undefined
      : { seq: last.seq, kind: 'head', detail: 'The recorded head of the chain is missing.' }
  if (last?.seq !== head.seq)
    return {
      seq: head.seq,
      kind: 'head',
      detail: `The recorded head is entry ${head.seq}, but the last entry of the log is ${last?.seq ?? 'none'}.`,
    }
  return last.hash?.equals(head.hash) === true
    ? undefined
    : { seq: head.seq, kind: 'head', detail: `The hash of the last entry differs from the recorded head.` }
}

/** Compares the recorded start of the chain with the entries that report what the retention has removed. */
export function findStartProblem(start: Head, isReported: boolean): ChainProblem | undefined {
  if (start.seq === 0 || isReported) return undefined
  return {
    seq: 1,
    kind: 'gap',
    detail: `The entries 1 to ${start.seq} are missing, and no entry reports that the retention has removed them.`,
  }
}

/** Compares an entry with a head that was archived outside the server. */
export function findArchiveProblem(archived: Head, found: Pick<Link, 'hash'> | undefined): ChainProblem | undefined {
  if (found === undefined)
    return {
      seq: archived.seq,
      kind: 'head',
      detail:
        `The archived entry ${archived.seq} is missing: ` +
        'entries were removed from the end, or the log was replaced.',
    }
  if (found.hash?.equals(archived.hash) === true) return undefined
  return {
    seq: archived.seq,
    kind: 'head',
    detail: `The hash of entry ${archived.seq} differs from the archived one: it or an earlier entry was replaced.`,
  }
}
