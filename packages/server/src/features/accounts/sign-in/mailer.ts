import type { Transporter } from 'nodemailer'
import type { Platform } from '../../../platform/platform.ts'

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

/** The mailer of SMTP_URL, or undefined when there is none. */
export function openMailer({ config, log }: Platform): Mailer | undefined {
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
