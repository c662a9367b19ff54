import type { WakeTopics } from '../vocabulary/vocabulary.ts'

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

/** The topics that the platform itself uses. */
export const platformWakes = { outbox: 'An event waits for its readers.' } as const

declare module '../vocabulary/vocabulary.ts' {
  interface WakeTopics extends Readonly<typeof platformWakes> {}
}

/** A declared topic of wake-ups; a misspelt one does not compile. */
export type WakeTopic = keyof WakeTopics
