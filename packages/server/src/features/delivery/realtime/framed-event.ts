import type { VersionRegistry } from '../../../platform/api-versions/api-version.ts'
import { eventFrame } from './frame.ts'
import type { JournalEvent } from './journal-event.ts'
import type { Position } from '../../execution/runs/index.ts'
import { endsSource, idOf, positionOf, type Source } from './source.ts'

/** An event of a source. Its bytes are encoded once for each API version that a subscriber uses. */
export interface FramedEvent {
  readonly position: Position
  readonly endUserId: string | null
  /** The approximate size of its frame. */
  readonly sizeBytes: number
  /** True for the last event of the source. */
  readonly ends: boolean
  frame(version: string): Buffer
}

export function frameEvent(versions: VersionRegistry, source: Source, event: JournalEvent): FramedEvent {
  const position = positionOf(source, event)
  const id = idOf(source, position)
  const frames = new Map<string, Buffer>()
  return {
    position,
    endUserId: event.endUserId,
    sizeBytes: event.json.length,
    ends: endsSource(source, event),
    frame(version) {
      const made =
        frames.get(version) ?? eventFrame({ name: event.name, id, data: inVersion(versions, version, event) })
      frames.set(version, made)
      return made
    },
  }
}

function inVersion(versions: VersionRegistry, version: string, { name, json }: JournalEvent): string {
  return version === versions.current
    ? json
    : JSON.stringify(versions.downgradeReply(version, `event:${name}`, JSON.parse(json)))
}
