import { describe, expect, it } from 'vitest'
import { createLog, maskSecrets } from './log.ts'

function logged(write: (log: ReturnType<typeof createLog>) => void): string {
  const lines: string[] = []
  write(createLog('debug', { write: (line) => void lines.push(line) }))
  return lines.join('')
}

const key = 'ask_0123456789abcdefghijklmnopqrstuv'

describe('the log', () => {
  it('writes JSON lines with the given fields', () => {
    const line: unknown = JSON.parse(
      logged((log) => log.child({ requestId: 'req_1' }).info({ runId: 'run_1' }, 'started')),
    )
    expect(line).toMatchObject({ level: 30, requestId: 'req_1', runId: 'run_1', msg: 'started' })
  })

  it.each([
    'authorization',
    'cookie',
    'password',
    'token',
    'apiKey',
    'secret',
    'encryptedKey',
    'accessToken',
    'refreshToken',
    'idToken',
  ])('replaces the field %s, also one level down', (name) => {
    const text = logged((log) => log.info({ [name]: 'hunter2', inner: { [name]: 'hunter2' } }))
    expect(text).not.toContain('hunter2')
    expect(text.match(/\[redacted\]/g)).toHaveLength(2)
  })

  it('masks an API key everywhere: in message, field, error, stack and cause', () => {
    const error = new Error(`no ${key}`, { cause: new Error(`because of ${key}`) })
    const text = logged((log) => {
      log.info(`with ${key}`)
      log.info({ deep: { list: [key, { url: `https://x.example/?token=${key}` }] } })
      log.error({ err: error }, 'failed')
    })
    expect(text).not.toContain(key)
    for (const line of text.trim().split('\n')) expect(() => void JSON.parse(line), line).not.toThrow()
  })
})

describe('maskSecrets', () => {
  it.each([
    ['/api/x?token=abc', '/api/x?token=[redacted]'],
    ['/api/x?a=1&token=abc&b=2', '/api/x?a=1&token=[redacted]&b=2'],
    ['/api/x?TOKEN=abc#d', '/api/x?TOKEN=[redacted]#d'],
    ['/cb?code=abc&state=def', '/cb?code=[redacted]&state=[redacted]'],
    ['better-auth.session_token=abc.def; theme=dark', 'better-auth.session_token=[redacted]; theme=dark'],
    [`/files/${key}/x`, '/files/ask_[redacted]/x'],
    ['/api/tokens?page=1', '/api/tokens?page=1'],
    [`/api/invitations/${'aB-_9'.repeat(9)}/accept`, '/api/invitations/[redacted]/accept'],
    [`https://app.example/invite/%61${'b'.repeat(42)}`, 'https://app.example/invite/[redacted]'],
    [
      '/api/orgs/org_1/invitations/inv_01jq5x3v7kf8hb2m9w4tcd6e1n',
      '/api/orgs/org_1/invitations/inv_01jq5x3v7kf8hb2m9w4tcd6e1n',
    ],
    [`/%zz${key}`, '/%zzask_[redacted]'],
    ['/api/auth/reset-password/AbCdEfGhIjKlMnOpQrStUvWx', '/api/auth/reset-password/[redacted]'],
    ['"path":"/%61pi/auth/reset-passwor%64/AbCdEf","x":1', '"path":"/api/auth/reset-password/[redacted]","x":1'],
    ['/api/auth/two-factor/verify-totp', '/api/auth/two-factor/verify-totp'],
    ['/api/auth/callback/abcdefghijklmnopqrstuvwxyz', '/api/auth/callback/[redacted]'],
    ['/api/auth/no-such-path/0123/x', '/api/auth/no-such-path/[redacted]/x'],
    ['/invite/short-part-of-a-token', '/invite/[redacted]'],
    ['/invite//AbCdEfGh', '/invite/[redacted]/[redacted]'],
    ['/api/invitations/x/../AbCdEfGh', '/api/invitations/[redacted]/../[redacted]'],
    [`rtk_${'a1'.repeat(10)} etk_${'b2'.repeat(10)}`, 'rtk_[redacted] etk_[redacted]'],
    ['ask_0123456', 'ask_0123456'],
    ['task_force_of_the_day', 'task_force_of_the_day'],
  ])('%s → %s', (text, masked) => expect(maskSecrets(text)).toBe(masked))
})
