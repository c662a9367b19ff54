import type { World } from '../../../testing/world.ts'

export interface LogLine {
  /** pino's number: 30 is info, 50 error. */
  readonly level: number
  readonly msg: string
  readonly [field: string]: unknown
}

/** The parsed log lines of the world's server that contain `text`. */
export function readLog({ logLines }: World, text = ''): LogLine[] {
  return logLines
    .filter((line) => line.includes(text))
    .map((line) => {
      const parsed: LogLine = JSON.parse(line)
      return parsed
    })
}
