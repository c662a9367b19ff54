import { startEmbeddedPostgres } from '../start-embedded-postgres.ts'

// A server process that can be killed: argv[2] is DATA_DIR, argv[3] its settings. It reports events on stdout, and
// stops when stdin ends.
const [, , dataDir = '', settings = '{}'] = process.argv
const report = (event: object): boolean => process.stdout.write(`${JSON.stringify(event)}\n`)
const logAt = (level: string) => (_: unknown, text?: string) => void report({ log: level, text })
const log = { debug: logAt('debug'), info: logAt('info'), warn: logAt('warn'), error: logAt('error') }

// Ignore Ctrl-C: the test checks only that the database does not receive it.
process.on('SIGINT', () => undefined)
report({ begun: true })
try {
  const running = await startEmbeddedPostgres({ dataDir, log, settings: JSON.parse(settings) })
  const { pid, socketDir, port, user, password, database } = running
  report({ ready: { pid, socketDir, port, user, password, database } })
  void running.exited.then((reason) => report({ exited: reason }))
  process.stdin.resume().once('end', () => {
    void running.stop().then(() => report({ stopped: true }))
  })
} catch (error) {
  report({ failed: error instanceof Error ? { name: error.name, message: error.message } : String(error) })
}
