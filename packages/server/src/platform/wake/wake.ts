/**
 * Wake-ups between readers and writers, in this process and on other nodes. They carry no data and may be lost:
 * a reader that is woken (or whose poll interval passed) re-reads the database by cursor.
 */
export interface Wake {
  /** Wakes the subscribers of a topic; calls within 15 ms are coalesced for other nodes. Never throws. */
  wake(topic: WakeTopic, detail: string): void
  /** Calls `listener` with the detail of each wake-up; `*` means any of them. Returns the unsubscribe function. */
  subscribe(topic: WakeTopic, listener: (detail: string) => void): () => void
  close(): Promise<void>
}

export const wakeTopics = ['runs', 'events', 'cancel', 'keys', 'outbox', 'schedules', 'deliveries', 'sessions'] as const

/**
 * `runs`: work is waiting. `events`: a run's journal grew. `cancel`: a run is to stop. `keys`: an API key or a membership changed.
 * `outbox`: an event waits for its readers. `schedules`: a schedule's next fire moved. `deliveries`: a webhook is to be called. `sessions`: a session was ended.
 */
export type WakeTopic = (typeof wakeTopics)[number]
