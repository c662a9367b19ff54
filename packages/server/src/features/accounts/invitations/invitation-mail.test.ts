import { expect, it } from 'vitest'
import { invitationMail } from './invitation-mail.ts'

const invitation = {
  id: '',
  organizationId: '',
  orgName: 'Acme',
  email: 'ada@example.com',
  role: 'admin',
  status: 'pending',
  inviterName: 'Bob',
  expiresAt: new Date('2026-03-28T09:30:00.000Z'),
  provesAddress: true,
  acceptedBy: null,
  accountId: null,
  accountProof: 'proven',
  invitedAt: new Date(0),
} as const

it('names the inviter, the organization, the role and the expiry', () => {
  const { to, subject, text } = invitationMail(invitation, 'https://a.example/invite/t')
  expect([to, subject]).toEqual(['ada@example.com', 'Bob invites you to Acme'])
  for (const part of ['as an admin', '\nhttps://a.example/invite/t\n', '2026-03-28 09:30 UTC'])
    expect(text).toContain(part)
  expect(invitationMail({ ...invitation, role: 'viewer', inviterName: null }, '').text).toMatch(
    /^Somebody invites .* as a viewer\./,
  )
})

it('does not let a name add lines, headers or long texts', () => {
  const orgName = `Acme"\r\nBcc: all@example.com\r\n\r\nYour account is locked \u202E${'x'.repeat(500)}`
  const { subject, text } = invitationMail({ ...invitation, orgName, inviterName: 'B\nob' }, 'link')
  expect(subject).not.toMatch(/[\r\n\u202E]/)
  expect(subject.length).toBeLessThan(150)
  expect(text.split('\n\n')).toHaveLength(5)
})
