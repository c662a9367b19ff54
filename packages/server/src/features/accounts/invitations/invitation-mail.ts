import type { PublicInvitation } from './invitation-store.ts'

/** The mail that carries an invitation's link. */
export function invitationMail({ email, orgName, inviterName, role, expiresAt }: PublicInvitation, link: string) {
  const organization = oneLine(orgName)
  const inviter = inviterName === null ? 'Somebody' : oneLine(inviterName)
  return {
    to: email,
    subject: `${inviter} invites you to ${organization}`,
    text: [
      `${inviter} invites you to join the organization "${organization}" on Appstrate, as ${article(role)} ${role}.`,
      'Open this link to accept:',
      link,
      `The link works once, until ${expiresAt.toISOString().slice(0, 16).replace('T', ' ')} UTC. ` +
        'If you do not know the sender, ignore this mail.',
      '',
    ].join('\n\n'),
  }
}

const charactersMax = 100

/** Names are user input: they must not add lines to a mail. */
function oneLine(name: string): string {
  const flat = name.replaceAll(/[\s\p{C}]+/gu, ' ').trim()
  return flat.length <= charactersMax ? flat : `${flat.slice(0, charactersMax)}…`
}

function article(role: string): string {
  return role === 'admin' ? 'an' : 'a'
}
