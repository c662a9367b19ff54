import pg from 'pg'
import { vi } from 'vitest'

/** A statement as the server sent it. */
export interface SentStatement {
  readonly text: string
  readonly values: readonly unknown[]
}

/** The statements that this process sends to a database while `act` runs, without those that set the tenant. */
export async function statementsSentBy(act: () => Promise<void>): Promise<SentStatement[]> {
  const query = vi.spyOn(pg.Client.prototype, 'query')
  try {
    await act()
    return query.mock.calls
      .map(([first, values]: unknown[]) => toStatement(first, values))
      .filter(({ text }) => !text.includes('set_config'))
  } finally {
    query.mockRestore()
  }
}

function toStatement(sent: unknown, values: unknown): SentStatement {
  // A statement without a name is sent as its text, with its values beside it.
  if (typeof sent === 'string') return { text: sent, values: Array.isArray(values) ? values : [] }
  if (typeof sent !== 'object' || sent === null) return { text: '', values: [] }
  const text = 'text' in sent ? String(sent.text) : ''
  return { text, values: 'values' in sent && Array.isArray(sent.values) ? sent.values : [] }
}
