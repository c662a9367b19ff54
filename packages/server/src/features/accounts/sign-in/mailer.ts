import type { Transporter } from 'nodemailer'
import type { Platform, Service } from '../../../platform/platform.ts'

export interface Mail {
  readonly to: string
  readonly subject: string
  readonly text: string
}

export interface Mailer {
  /** Sends in the background, so that no request or transaction waits for the mail server. A failure is logged. */
  post(mail: Mail): void
  /** Waits a moment for what is under way, then disconnects. */
  close(): Promise<void>
}

/** A mail server that says nothing for this long has failed. */
const silenceMs = 10_000
const farewellMs = 3_000
/** Mails that wait for the mail server; what comes beyond is dropped and logged. */
export const mailsUnderWayMax = 200

/** The process's one connection to the mail server of SMTP_URL; undefined when there is none. */
export const mailer: Service<Mailer | undefined> = {
  name: 'mailer',
  open: openMailer,
  close: async (instance) => instance?.close(),
}

/** Sends a mail in the background; false when the server has no mail server. To be called after the commit of what the mail tells. */
export function postMail(platform: Platform, mail: Mail): boolean {
  const instance = platform.use(mailer)
  instance?.post(mail)
  return instance !== undefined
}

function openMailer({ config, log }: Platform): Mailer | undefined {
  const { SMTP_URL: url, MAIL_FROM: from } = config
  if (url === undefined) return undefined
  let transport: Promise<Transporter> | undefined
  const underWay = new Set<Promise<void>>()
  const send = async (mail: Mail) => {
    transport ??= connect(url)
    await (await transport).sendMail({ from, ...mail })
  }
  return {
    post(mail) {
      if (underWay.size >= mailsUnderWayMax)
        return log.error({ subject: mail.subject }, 'A mail was not sent: too many are under way.')
      const sending = send(mail)
        .catch((error: unknown) => log.error({ err: error, subject: mail.subject }, 'A mail could not be sent.'))
        .finally(() => underWay.delete(sending))
      underWay.add(sending)
    },
    async close() {
      await Promise.race([Promise.all(underWay), new Promise((resolve) => setTimeout(resolve, farewellMs).unref())])
      ;(await transport)?.close()
    },
  }
}

async function connect(url: string): Promise<Transporter> {
  const { createTransport } = await import('nodemailer')
  return createTransport({ url, connectionTimeout: silenceMs, greetingTimeout: silenceMs, socketTimeout: silenceMs })
}
