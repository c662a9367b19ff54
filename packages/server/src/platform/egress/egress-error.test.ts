import { describe, expect, it } from 'vitest'
import { EgressError, toEgressError } from './egress-error.ts'

const failed = (code: string) => Object.assign(new Error('connect ECONNREFUSED 10.1.2.3:443'), { code })

describe('toEgressError', () => {
  it.each([
    ['ECONNREFUSED', 'egress-connection-refused'],
    ['ECONNRESET', 'egress-connection-lost'],
    ['UND_ERR_SOCKET', 'egress-connection-lost'],
    ['EHOSTUNREACH', 'egress-unreachable'],
    ['UND_ERR_CONNECT_TIMEOUT', 'egress-timeout'],
    ['CERT_HAS_EXPIRED', 'egress-tls'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'egress-tls'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'egress-tls'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'egress-tls'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'egress-tls'],
    ['HPE_INVALID_CONSTANT', 'egress-bad-reply'],
    ['EMFILE', 'egress-failed'],
    ['toString', 'egress-failed'],
  ])("reports %s as %s, without details of the server's network", (code, expected) => {
    const cause = failed(code)
    const error = toEgressError(cause)
    expect([error.code, error.cause]).toEqual([expected, cause])
    expect(error.message).not.toContain('10.1.2.3')
  })

  it('reports the nearest known code among the causes of an error and their parts', () => {
    const parts = new AggregateError([failed('unknown'), failed('ECONNREFUSED')])
    expect(toEgressError(new TypeError('fetch failed', { cause: parts })).code).toBe('egress-connection-refused')
    const guard = new EgressError('egress-dns', { cause: failed('ECONNREFUSED') })
    expect(toEgressError(new TypeError('fetch failed', { cause: guard })).code).toBe('egress-dns')
    const own = failed('own')
    own.cause = own
    expect(toEgressError(own).code).toBe('egress-failed')
  })

  it('returns an EgressError unchanged', () => {
    const own = new EgressError('egress-dns')
    expect(toEgressError(own)).toBe(own)
    expect(toEgressError('thrown text').code).toBe('egress-failed')
  })
})
