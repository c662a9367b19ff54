import { randomUUID } from 'node:crypto'
import { wakeTopics, type WakeTopic } from './wake.ts'

/** How long wake-ups are gathered before other nodes are told: at most one message per node and window. */
const windowMs = 15
/** The longest message; PostgreSQL's NOTIFY takes 7,999 bytes. A burst beyond it is told as "everything" (detail `*`). */
const messageBytesMax = 7_900

export type Batch = readonly (readonly [topic: WakeTopic, detail: string])[]

/** The messages between the nodes: what one node tells, and what it makes of those that it hears. */
export interface Coalesced {
  add(topic: WakeTopic, detail: string): void
  /** The wake-ups in a message of another node; its own, and anything unreadable, are none. */
  read(message: string): Batch
  /** Sends what is pending. */
  stop(): Promise<void>
}

/** Gathers wake-ups, and hands each window's distinct ones to `publish` as one message. */
export function coalesce(publish: (message: string) => Promise<void>): Coalesced {
  const self = randomUUID()
  let pending = new Map<string, readonly [WakeTopic, string]>()
  let timer: NodeJS.Timeout | undefined
  const flush = async () => {
    clearTimeout(timer)
    timer = undefined
    if (pending.size === 0) return
    const message = encode(self, [...pending.values()])
    pending = new Map()
    await publish(message)
  }
  return {
    add(topic, detail) {
      pending.set(`${topic} ${detail}`, [topic, detail])
      timer ??= setTimeout(() => void flush(), windowMs)
    },
    read: (message) => decode(self, message),
    stop: flush,
  }
}

function encode(sender: string, batch: Batch): string {
  const message = JSON.stringify([sender, batch])
  if (Buffer.byteLength(message) <= messageBytesMax) return message
  return JSON.stringify([sender, [...new Set(batch.map(([topic]) => topic))].map((topic) => [topic, '*'])])
}

function decode(self: string, message: string): Batch {
  const parsed: unknown = parseJson(message)
  if (!Array.isArray(parsed) || parsed[0] === self || !Array.isArray(parsed[1])) return []
  return parsed[1].filter(isWakeUp)
}

function isWakeUp(value: unknown): value is readonly [WakeTopic, string] {
  return Array.isArray(value) && wakeTopics.some((topic) => topic === value[0]) && typeof value[1] === 'string'
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
