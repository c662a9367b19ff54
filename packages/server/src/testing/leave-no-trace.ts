import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, vi } from 'vitest'

const closeMs = 5_000
const signals = ['SIGHUP', 'SIGINT', 'SIGTERM', 'SIGUSR2', 'uncaughtException', 'unhandledRejection'] as const
/** Open handles that belong to a server, a client or a child process. */
const handles = new Set(['PipeServerWrap', 'PipeWrap', 'ProcessWrap', 'TCPServerWrap', 'TCPSocketWrap', 'UDPWrap'])

let before: ReturnType<typeof processState>

// Test files share worker processes, so the order of the files must not matter. These hooks surround those of the
// test file.
beforeAll(() => {
  before = processState()
})

afterAll(async () => {
  // A handle disappears some turns of the event loop after it was closed.
  await vi.waitFor(() => expect(processState(), 'The file changes its process.').toEqual(before), { timeout: closeMs })
})

function processState() {
  return {
    handles: process
      .getActiveResourcesInfo()
      .filter((kind) => handles.has(kind))
      .sort(),
    // Digests, because a failure is printed.
    environment: Object.entries(process.env).map(([name, value = '']) => `${name}: ${digest(value)}`),
    directory: process.cwd(),
    umask: process.umask(),
    clock: [globalThis.Date, globalThis.setTimeout, globalThis.setInterval, globalThis.fetch],
    listeners: signals.map((signal) => `${signal}: ${process.listenerCount(signal)}`),
  }
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 8)
}
