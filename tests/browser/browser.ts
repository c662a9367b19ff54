import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe } from 'vitest'

const program = process.env['TEST_CHROMIUM']
// A busy machine is given time; what comes is waited for, never slept for.
export const patienceMs = 60_000

// Nothing but loopback has a name, so a page that asks for more fails visibly.
const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-dev-shm-usage',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1',
]

/** What a test has of the browser: a person's profile, new for each test, with a page in it. */
export interface Visitor {
  readonly context: BrowserContext
  readonly page: Page
  readonly seen: Seen
}

/** What happened in the pages of a visitor. */
export interface Seen {
  /** Errors in the console, violations of a page's policy among them, and uncaught exceptions. */
  readonly errors: string[]
  /** Addresses that were asked for, without `data:` and `blob:`. */
  readonly requests: string[]
}

/** Tests in a real browser. Where TEST_CHROMIUM names none they are skipped, and their name says why. */
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
    // The browser asks for an icon by itself, at a time of its own, and does without.
    if (message.type() === 'error' && !message.location().url.endsWith('/favicon.ico')) seen.errors.push(message.text())
  })
  context.on('weberror', (error) => void seen.errors.push(error.error().message))
  context.on('request', (request) => void (/^(data|blob):/.test(request.url()) || seen.requests.push(request.url())))
  return { context, page: await context.newPage(), seen }
}

/** Requests to anything but a server's origin. */
export function strays(requests: readonly string[], url: string): string[] {
  return requests.filter((request) => new URL(request).origin !== url)
}
