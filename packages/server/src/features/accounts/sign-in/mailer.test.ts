import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { expectProblem } from '../../../testing/describe-endpoint.ts'
import { fromOurPage } from '../../../testing/factories/session.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { signInFeature } from './index.ts'
import { signInEmail } from './sign-in-email.ts'

/** A mail server that keeps what it is sent: as much of RFC 5321 as one client needs. */
async function openMailbox(): Promise<{ server: Server; mails: string[]; url: string }> {
  const mails: string[] = []
  const server = createServer((socket) => serve(socket, mails)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The mail server has no port.')
  return { server, mails, url: `smtp://127.0.0.1:${address.port}` }
}

function serve(socket: Socket, mails: string[]): void {
  let mail: string | undefined
  let rest = ''
  socket.on('error', () => undefined)
  socket.write('220 test\r\n')
  socket.on('data', (chunk) => {
    const lines = (rest + chunk.toString()).split('\r\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (mail !== undefined && line !== '.') mail += `${line}\n`
      else if (mail !== undefined) {
        mails.push(mail.replaceAll('=\n', '').replaceAll('=3D', '='))
        mail = undefined
        socket.write('250 kept\r\n')
      } else if (line === 'DATA') {
        mail = ''
        socket.write('354 go on\r\n')
      } else if (line === 'QUIT') socket.end('221 bye\r\n')
      else socket.write('250 ok\r\n')
    }
  })
}

const origin = 'http://localhost:3000'
const password = 'correct horse battery'

describe('with a mail server', () => {
  let world: World
  let mailbox: Awaited<ReturnType<typeof openMailbox>>
  beforeAll(async () => {
    mailbox = await openMailbox()
    world = await openWorld({ features: [signInFeature], environment: { SMTP_URL: mailbox.url, APP_URL: origin, MAIL_FROM: 'Test <no-reply@test.example>' } })
  })
  afterAll(async () => {
    await world.close()
    mailbox.server.close()
  })
  beforeEach(() => void mailbox.mails.splice(0))

  const signUp = (email: string) => fromOurPage(world)('POST /api/auth/sign-up/email', { body: { name: 'Ada', email, password } })
  const signIn = (email: string, secret = password) => fromOurPage(world)('POST /api/auth/sign-in/email', { body: { email, password: secret } })
  const nextMail = async (): Promise<string> => {
    await expect.poll(() => mailbox.mails.length, { timeout: 5000 }).toBeGreaterThan(0)
    return mailbox.mails.shift() ?? ''
  }
  const linkIn = (mail: string) => new URL(/http:\/\/localhost:3000\/\S+/.exec(mail)?.[0] ?? '')
  const follow = ({ pathname, search }: URL) => world.send(`GET ${pathname}${search}`)

  it('opens no session until the address is verified by the link in the mail', async () => {
    const answer = await signUp('ada@example.com')
    expect(answer.body.token).toBeNull()
    expect(answer.headers.getSetCookie()).toEqual([])
    const refused = await signIn('ada@example.com')
    expectProblem(signInEmail, refused, 'sign-in-refused')
    expect(refused.body.code).toBe('EMAIL_NOT_VERIFIED')
    const mail = await nextMail()
    expect(mail).toMatch(/^To: ada@example\.com$/m)
    expect(mail).toMatch(/^From: Test <no-reply@test\.example>$/m)
    const verified = await follow(linkIn(mail))
    expect([verified.status, verified.headers.get('location')]).toEqual([302, '/'])
    expect(verified.headers.getSetCookie().join()).toContain('better-auth.session_token=')
    expect((await signIn('ada@example.com')).body.user).toMatchObject({ emailVerified: true })
  })

  it('sends a link that sets a new password once, and ends the sessions', async () => {
    await signUp('bob@example.com')
    await follow(linkIn(await nextMail()))
    const { user } = (await signIn('bob@example.com')).body
    const request = await fromOurPage(world)('POST /api/auth/request-password-reset', { body: { email: 'bob@example.com', redirectTo: '/reset' } })
    expect(request.status).toBe(200)
    const link = await follow(linkIn(await nextMail()))
    const token = new URL(link.headers.get('location') ?? '', origin).searchParams.get('token') ?? ''
    const stored = await world.platform.db.selectFrom('verifications').selectAll().execute()
    expect(JSON.stringify(stored)).not.toContain(token)
    const reset = () => fromOurPage(world)('POST /api/auth/reset-password', { body: { newPassword: 'another long password', token } })
    expect((await reset()).status).toBe(200)
    expect(await world.platform.db.selectFrom('sessions').select('id').where('user_id', '=', user.id).execute()).toEqual([])
    expect([(await signIn('bob@example.com')).status, (await signIn('bob@example.com', 'another long password')).status]).toEqual([401, 200])
    expect((await reset()).status).toBe(400)
  })

  it('does not tell whether an address is known', async () => {
    await signUp('carol@example.com')
    await nextMail()
    const again = await signUp('carol@example.com')
    expect([again.status, again.body.token]).toEqual([200, null])
    const reset = (email: string) => fromOurPage(world)('POST /api/auth/request-password-reset', { body: { email } })
    expect((await reset('nobody@example.com')).body).toEqual((await reset('carol@example.com')).body)
    expect(await nextMail()).toMatch(/^To: carol@example\.com$/m)
    expect(mailbox.mails).toEqual([])
  })
})

it('answers a sign-up though the mail server is gone, and logs the failure', async () => {
  const { server, url } = await openMailbox()
  server.close()
  const world = await openWorld({ features: [signInFeature], environment: { SMTP_URL: url } })
  const answer = await fromOurPage(world)('POST /api/auth/sign-up/email', { body: { name: 'Ada', email: 'ada@example.com', password } })
  expect(answer.status).toBe(200)
  await expect.poll(() => world.logLines.some((line) => line.includes('A mail could not be sent.') && line.includes('ECONNREFUSED')), { timeout: 5000 }).toBe(true)
  expect(world.logLines.join('\n')).not.toMatch(/verify-email/)
  await world.close()
})
