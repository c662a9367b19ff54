import type { Head, Link } from './chain-store.ts'
import { hashEntry, hashOfNothing, sealEntry } from './sealed-entry.ts'

/** What was found wrong in a chain, at the number where it shows. */
export interface ChainProblem {
  readonly seq: number
  readonly kind: 'changed' | 'gap' | 'reordered' | 'head'
  readonly detail: string
}

/** Problems that are told; a log that was rewritten from some entry on has one for every entry behind it. */
export const problemsMax = 100

/** Walks along a chain, from its beginning or from behind an entry that is known. */
export class ChainCheck {
  readonly problems: ChainProblem[] = []
  /** Entries seen. */
  count = 0
  #seq: number
  /** The hash that the next entry builds on; undefined when the entry that has it is missing. */
  #hash: Buffer | undefined
  #last: Link | undefined

  constructor(start: { readonly seq: number; readonly hash: Buffer | undefined } = { seq: 0, hash: hashOfNothing }) {
    this.#seq = start.seq
    this.#hash = start.hash
  }

  /** Looks at the next entry, in the order of the numbers. */
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
    return hash !== null && hashEntry(previous, sealEntry(entry, seq)).equals(hash)
  }

  #reportGap(seq: number): void {
    const [from, to] = [this.#seq + 1, seq - 1]
    this.#report({
      seq: from,
      kind: 'gap',
      detail: from === to ? `Entry ${from} is missing.` : `The entries ${from} to ${to} are missing.`,
    })
    // What builds on a missing hash can't be checked; from the entry's own hash on it can.
    this.#hash = undefined
  }

  #reportBreak(link: Link): void {
    if (this.#last === undefined || !wasCommittedBefore(link, this.#last)) {
      return this.#report({
        seq: link.seq,
        kind: 'changed',
        detail: `The hash of entry ${link.seq} does not fit: it was changed, or the entry before it was.`,
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

// The hash has told already that something is wrong; the order of the commits tells what.
function wasCommittedBefore(a: Link, b: Link): boolean {
  return a.transaction === b.transaction ? a.position < b.position : a.transaction < b.transaction
}

function reordered(seq: number): ChainProblem {
  return { seq, kind: 'reordered', detail: `Entry ${seq} is not where it was: it was committed in another order.` }
}

/** What is wrong at the end: the head that the chain keeps of itself, against the last entry that there is. */
export function findHeadProblem(
  head: Head | undefined,
  last: { readonly seq: number; readonly hash: Buffer | null } | undefined,
): ChainProblem | undefined {
  if (head === undefined)
    return last === undefined
      ? undefined
      : { seq: last.seq, kind: 'head', detail: 'The end of the chain is not recorded any more.' }
  if (last?.seq !== head.seq)
    return {
      seq: head.seq,
      kind: 'head',
      detail: `The chain ends with entry ${head.seq}, but the last entry that is there is ${last?.seq ?? 'none'}.`,
    }
  return last.hash?.equals(head.hash) === true
    ? undefined
    : { seq: head.seq, kind: 'head', detail: `The last entry has another hash than the end of the chain.` }
}

/** What is wrong with an entry of which somebody has kept the hash. */
export function findArchiveProblem(archived: Head, found: Pick<Link, 'hash'> | undefined): ChainProblem | undefined {
  if (found === undefined)
    return {
      seq: archived.seq,
      kind: 'head',
      detail: `The archived entry ${archived.seq} is missing: entries were removed from the end, or the log was replaced.`,
    }
  if (found.hash?.equals(archived.hash) === true) return undefined
  return {
    seq: archived.seq,
    kind: 'head',
    detail: `Entry ${archived.seq} has another hash than the archived one: it or an entry before it was replaced.`,
  }
}
