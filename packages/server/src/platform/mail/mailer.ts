import type { Transporter } from 'nodemailer'
import type { Platform, Service } from '../platform.ts'

export interface Mail {
  readonly to: string
  readonly subject: string
  readonly text: string
}

export interface Mailer {
  /** Sends in the background, so that no request or transaction waits for the mail server. A failure is logged. */
  post(mail: Mail): void
  /** Waits briefly for mails that are being sent, then disconnects. */
  close(): Promise<void>
}

/** After this long without a reply, the mail server counts as failed. */
const silenceMs = 10_000
const closeWaitMs = 3_000
/** The maximum number of queued mails; further mails are dropped and logged. */
export const mailsUnderWayMax = 200

/** The process's connection to the mail server of SMTP_URL; undefined if it is not set. */
export const mailer: Service<Mailer | undefined> = {
  name: 'mailer',
  open: openMailer,
  close: async (instance) => instance?.close(),
}

/** Sends a mail in the background; false without a mail server. Call it after the commit of the reported change. */
export function postMail({ use }: Pick<Platform, 'use'>, mail: Mail): boolean {
  const instance = use(mailer)
  instance?.post(mail)
  return instance !== undefined
}

function openMailer({ config, log }: Pick<Platform, 'config' | 'log'>): Mailer | undefined {
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
        return log.error({ subject: mail.subject }, 'The mail was not sent: too many are being sent.')
      const sending = send(mail)
        .catch((error: unknown) => log.error({ err: error, subject: mail.subject }, 'The mail could not be sent.'))
        .finally(() => underWay.delete(sending))
      underWay.add(sending)
    },
    async close() {
      await Promise.race([Promise.all(underWay), new Promise((resolve) => setTimeout(resolve, closeWaitMs).unref())])
      ;(await transport)?.close()
    },
  }
}

async function connect(url: string): Promise<Transporter> {
  const { createTransport } = await import('nodemailer')
  const timeouts = {
    dnsTimeout: silenceMs,
    connectionTimeout: silenceMs,
    greetingTimeout: silenceMs,
    socketTimeout: silenceMs,
  }
  return createTransport({ url, ...timeouts })
}
