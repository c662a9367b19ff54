import { expect, it } from 'vitest'
import { openWorld } from '../../testing/world.ts'
import { mailsUnderWayMax, postMail } from './mailer.ts'
import { openMailbox, openSilentServer } from './testing/mailbox.ts'

const mail = { to: 'ada@example.com', subject: 'Für dich', text: 'Hello\n' }

it('delivers a mail to the mail server', async () => {
  const mailbox = await openMailbox()
  const world = await openWorld({ features: [], environment: { SMTP_URL: mailbox.url } })
  expect(postMail(world.platform, mail)).toBe(true)
  await expect.poll(() => mailbox.mails.length, { timeout: 15_000 }).toBe(1)
  expect(mailbox.mails[0]).toMatch(/^To: ada@example\.com$/m)
  await world.close()
  await mailbox.close()
})

it('queues a bounded number of mails for a slow server', async () => {
  const server = await openSilentServer()
  const world = await openWorld({ features: [], environment: { SMTP_URL: server.url } })
  for (let count = 0; count < mailsUnderWayMax + 5; count += 1) postMail(world.platform, mail)
  expect(world.logLines.filter((line) => line.includes('too many are being sent'))).toHaveLength(5)
  server.close()
  await world.close()
})

it('returns false where the server has no mail server', async () => {
  const world = await openWorld({ features: [] })
  expect(postMail(world.platform, mail)).toBe(false)
  await world.close()
})
