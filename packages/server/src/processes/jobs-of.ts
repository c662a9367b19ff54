import type { Feature } from '../platform/http/feature.ts'
import { relayEvents } from '../platform/outbox/relay-events.job.ts'
import type { Job } from '../platform/jobs/job.ts'

/** Every job of the features, and the relay job that delivers events to their readers. */
export function jobsOf(features: readonly Feature[]): Job[] {
  const readers = features.flatMap(({ reader }) => (reader === undefined ? [] : [reader]))
  return [relayEvents(readers), ...features.flatMap(({ jobs }) => jobs ?? [])]
}
