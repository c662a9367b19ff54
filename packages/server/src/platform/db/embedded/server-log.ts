import type { Log } from '../../log/log.ts'

/** Where PostgreSQL's own messages go; its routine ones are dropped without a `debug`. */
export type EmbeddedLog = Pick<Log, 'info' | 'warn' | 'error'> & Partial<Pick<Log, 'debug'>>

export interface ServerMessage {
  readonly severity: string
  readonly sqlState: string
  readonly text: string
}

type Level = 'debug' | 'info' | 'warn' | 'error'

// The prefix is set in server-settings.ts; messages from before the settings apply come without it.
const messageForm = /^(?:(\w{5}) )?(?:.*? )?(DEBUG\d?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC): {2}(.*)$/

/** Reads a line of PostgreSQL's stderr; undefined when it is the continuation of a message or not PostgreSQL's. */
export function parseServerLine(line: string): ServerMessage | undefined {
  const [, sqlState = '', severity, text] = messageForm.exec(line) ?? []
  return severity === undefined || text === undefined ? undefined : { severity, sqlState, text }
}

/** The level at which an operator should see a message of PostgreSQL. */
export function levelOf({ severity, sqlState, text }: ServerMessage): Level {
  switch (severity) {
    case 'PANIC':
      return 'error'
    case 'FATAL':
      // 57P0x: sessions told to go because the server stops, or told to wait while it starts.
      return sqlState.startsWith('57P0') ? 'debug' : 'error'
    case 'ERROR':
      // Resources, the system and PostgreSQL itself; other errors are answers to a statement, and its sender reports them.
      return /^(53|58|XX)/.test(sqlState) ? 'error' : 'warn'
    case 'WARNING':
      return 'warn'
    default:
      return text.includes('was terminated by signal') ? 'warn' : 'debug'
  }
}

/** Passes lines of PostgreSQL's stderr on to `log`, continuations at the level of what they continue. */
export function forwardTo(log: EmbeddedLog): (line: string) => void {
  let level: Level = 'warn'
  return (line) => {
    const message = parseServerLine(line)
    if (message === undefined) return log[level]?.({ postgres: 'output' }, line.trim())
    level = levelOf(message)
    log[level]?.({ postgres: message.severity, sqlState: message.sqlState }, message.text)
  }
}
