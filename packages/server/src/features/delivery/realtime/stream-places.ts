import { problem } from '../../../platform/problems/problem.ts'

/** How many streams may be open at a time in this process. */
export interface StreamLimits {
  readonly callerMax: number
}

/** Whose stream it is. An API key counts apart for each end-user on whose behalf it acts. */
export interface StreamOwner {
  readonly caller: string
  readonly organizationId: string
  /** Of this organization; null is unlimited. */
  readonly organizationMax: number | null
}

export interface StreamPlaces {
  /** Counts a stream. Returns the function that gives its place back. Throws `too-many-streams`. */
  take(owner: StreamOwner): () => void
  /** How many streams of the organization are open. */
  countOf(organizationId: string): number
}

const retrySeconds = 5

export function createStreamPlaces({ callerMax }: StreamLimits): StreamPlaces {
  const counts = new Map<string, number>()
  const change = (name: string, by: number) => {
    const count = (counts.get(name) ?? 0) + by
    if (count === 0) counts.delete(name)
    else counts.set(name, count)
  }
  return {
    countOf: (organizationId) => counts.get(`organization ${organizationId}`) ?? 0,
    take({ caller, organizationId, organizationMax }) {
      const names = [`caller ${caller}`, `organization ${organizationId}`] as const
      if ((counts.get(names[0]) ?? 0) >= callerMax) throw tooMany('This caller', callerMax)
      if (organizationMax !== null && (counts.get(names[1]) ?? 0) >= organizationMax)
        throw tooMany('Your organization', organizationMax)
      for (const name of names) change(name, 1)
      let isTaken = true
      return () => {
        if (isTaken) for (const name of names) change(name, -1)
        isTaken = false
      }
    },
  }
}

function tooMany(who: string, max: number) {
  return problem('too-many-streams', {
    detail:
      `${who} has ${max} open streams on this server, which is the limit. ` +
      'Close streams that you no longer need; one stream of an application covers all its runs.',
    extensions: { limit: max },
    headers: { 'Retry-After': String(retrySeconds) },
  })
}
