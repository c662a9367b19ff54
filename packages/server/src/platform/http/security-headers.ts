import type { FastifyInstance } from 'fastify'
import { createHash } from 'node:crypto'
import type { Config } from '../config/config.ts'

const withoutForms = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** The policy of replies that are not pages: a browser that shows one loads and runs nothing. */
const dataPolicy = `default-src 'none'; ${withoutForms}`

/** The policy of a page that declares none, such as the auth library's error page: it may only have styles. */
const pagePolicy = `default-src 'none'; style-src 'unsafe-inline'; ${withoutForms}`

/** Half a year in seconds, the shortest time that browsers' preload lists and scanners accept. */
const hstsSeconds = 15_768_000

/** The headers that protect browsers, on every reply. A page replaces `Content-Security-Policy` with its own. */
export function securityHeaders({ APP_URL }: Pick<Config, 'APP_URL'>): Readonly<Record<string, string>> {
  return {
    'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy': dataPolicy,
    // URLs can contain tokens.
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Permissions-Policy': 'camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()',
    ...(APP_URL !== undefined && /^https:/i.test(APP_URL)
      ? { 'Strict-Transport-Security': `max-age=${hstsSeconds}` }
      : {}),
  }
}

/** Gives a page without a policy of its own one that allows its styles. */
export function allowStylesOfPages(app: FastifyInstance): void {
  app.addHook('onSend', async (_request, reply) => {
    const type = String(reply.getHeader('content-type') ?? '')
    if (type.startsWith('text/html') && reply.getHeader('content-security-policy') === dataPolicy)
      reply.header('content-security-policy', pagePolicy)
  })
}

/**
 * The policy of one of the server's own pages: only the scripts and styles that the page itself contains, by their
 * hashes, and requests to this server.
 */
export function policyOfPage(html: string): string {
  return [
    "default-src 'none'",
    `script-src ${hashesOf(html, /<script>([\s\S]*?)<\/script>/g)}`,
    `style-src ${hashesOf(html, /<style>([\s\S]*?)<\/style>/g)}`,
    "connect-src 'self'",
    withoutForms,
  ].join('; ')
}

function hashesOf(html: string, element: RegExp): string {
  const hashes = [...html.matchAll(element)].map(
    ([, content = '']) => `'sha256-${createHash('sha256').update(content).digest('base64')}'`,
  )
  return hashes.length === 0 ? "'none'" : hashes.join(' ')
}
