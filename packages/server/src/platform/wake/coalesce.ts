import { randomUUID } from 'node:crypto'
import type { WakeTopic } from './wake.ts'

/** How long wake-ups are collected before they are sent to other nodes: at most one message per node and window. */
const windowMs = 15
/** The longest message; PostgreSQL's NOTIFY takes 7,999 bytes. A larger batch is sent as "everything" (detail `*`). */
const messageBytesMax = 7_900

export type Batch = readonly (readonly [topic: WakeTopic, detail: string])[]

/** The messages between nodes: collects outgoing wake-ups, and decodes received messages. */
export interface Coalesced {
  add(topic: WakeTopic, detail: string): void
  /** The wake-ups in a message of another node; empty for the node's own messages and unreadable ones. */
  read(message: string): Batch
  /** Sends what is pending. */
  stop(): Promise<void>
}

/** Collects wake-ups, and passes the distinct ones of each window to `publish` as one message. */
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

// Topics are not checked: one that only another node's version declares has no listener here.
function isWakeUp(value: unknown): value is readonly [WakeTopic, string] {
  return Array.isArray(value) && typeof value[0] === 'string' && typeof value[1] === 'string'
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
