import type { Log } from '../../log/log.ts'

/** The log for PostgreSQL's messages; without `debug`, routine messages are dropped. */
export type EmbeddedLog = Pick<Log, 'info' | 'warn' | 'error'> & Partial<Pick<Log, 'debug'>>

export interface ServerMessage {
  readonly severity: string
  readonly sqlState: string
  readonly text: string
}

type Level = 'debug' | 'info' | 'warn' | 'error'

// The prefix is set in server-settings.ts; messages before the settings apply lack it.
const messageForm = /^(?:(\w{5}) )?(?:.*? )?(DEBUG\d?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC): {2}(.*)$/

/** Reads a line of PostgreSQL's stderr; undefined for a continuation line or one of another program. */
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
      // 57P0x: sessions ended because the server stops, or refused while it starts.
      return sqlState.startsWith('57P0') ? 'debug' : 'error'
    case 'ERROR':
      // Errors of resources, the system and PostgreSQL itself. The sender of the statement reports other errors.
      return /^(53|58|XX)/.test(sqlState) ? 'error' : 'warn'
    case 'WARNING':
      return 'warn'
    default:
      return text.includes('was terminated by signal') ? 'warn' : 'debug'
  }
}

/** Forwards lines of PostgreSQL's stderr to `log`, continuation lines at the level of their message. */
export function forwardTo(log: EmbeddedLog): (line: string) => void {
  let level: Level = 'warn'
  return (line) => {
    const message = parseServerLine(line)
    if (message === undefined) return log[level]?.({ postgres: 'output' }, line.trim())
    level = levelOf(message)
    log[level]?.({ postgres: message.severity, sqlState: message.sqlState }, message.text)
  }
}
