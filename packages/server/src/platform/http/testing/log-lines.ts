import type { World } from '../../../testing/world.ts'

export interface LogLine {
  /** pino's number: 30 is info, 50 error. */
  readonly level: number
  readonly msg: string
  readonly [field: string]: unknown
}

/** What the world's server has logged, parsed; only lines that contain `text` when it is given. */
export function readLog({ logLines }: World, text = ''): LogLine[] {
  return logLines
    .filter((line) => line.includes(text))
    .map((line) => {
      const parsed: LogLine = JSON.parse(line)
      return parsed
    })
}
