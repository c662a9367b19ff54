import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe } from 'vitest'

const program = process.env['TEST_CHROMIUM']
// Long enough for a busy machine; tests wait for events, they never sleep.
export const patienceMs = 60_000

// Only loopback names resolve, so a page that requests another host fails visibly.
const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-dev-shm-usage',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1',
]

/** The browser of one test: a new profile with one page. */
export interface Visitor {
  readonly context: BrowserContext
  readonly page: Page
  readonly seen: Seen
}

/** The errors and requests of a visitor's pages. */
export interface Seen {
  /** Errors in the console, including violations of a page's content security policy, and uncaught exceptions. */
  readonly errors: string[]
  /** Requested URLs, except `data:` and `blob:`. */
  readonly requests: string[]
}

/** Tests in a real browser. Without TEST_CHROMIUM they are skipped; their name mentions the variable. */
export function describeInBrowser(name: string, tests: (visit: () => Visitor) => void): void {
  describe.skipIf(program === undefined)(
    `in the browser of TEST_CHROMIUM: ${name}`,
    { timeout: 2 * patienceMs },
    () => {
      let browser: Browser
      let visitor: Visitor
      beforeAll(async () => {
        browser = await chromium.launch({
          ...(program === undefined ? {} : { executablePath: program }),
          headless: true,
          timeout: patienceMs,
          args: flags,
        })
      }, 2 * patienceMs)
      beforeEach(async () => {
        visitor = await openVisitor(browser)
      })
      afterEach(() => visitor.context.close())
      afterAll(() => browser.close())
      tests(() => visitor)
    },
  )
}

async function openVisitor(browser: Browser): Promise<Visitor> {
  const context = await browser.newContext()
  context.setDefaultTimeout(patienceMs)
  const seen: Seen = { errors: [], requests: [] }
  context.on('console', (message) => {
    // The browser requests an icon automatically, at any time, and the server has none.
    if (message.type() === 'error' && !message.location().url.endsWith('/favicon.ico')) seen.errors.push(message.text())
  })
  context.on('weberror', (error) => void seen.errors.push(error.error().message))
  context.on('request', (request) => void (/^(data|blob):/.test(request.url()) || seen.requests.push(request.url())))
  return { context, page: await context.newPage(), seen }
}

/** Requests to other origins than the server's. */
export function strays(requests: readonly string[], url: string): string[] {
  return requests.filter((request) => new URL(request).origin !== url)
}
