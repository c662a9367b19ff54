import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createEgress, EgressError, EgressRefused, type Egress } from './egress.ts'
import type { GuardedAgentsOptions } from './guarded-agents.ts'
import type { Resolve } from './resolve.ts'
import { closedPolicy, localPolicy } from './testing/policies.ts'
import { openReceiver, request, type LocalReceiver } from './testing/receiver.ts'
import { selfSigned } from './testing/self-signed.ts'

const opened: Egress[] = []
const open = (options: GuardedAgentsOptions): Egress => {
  const egress = createEgress(options)
  opened.push(egress)
  return egress
}
afterEach(async () => {
  for (const egress of opened.splice(0)) await egress.close()
})

/** Resolves to these addresses, one after the other, and counts the calls. */
function resolver(...answers: readonly (readonly string[])[]): { resolve: Resolve; asked: () => number } {
  let asked = 0
  return {
    asked: () => asked,
    async resolve() {
      const addresses = answers[Math.min(asked, answers.length - 1)] ?? []
      asked += 1
      return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
    },
  }
}

describe('the guard', () => {
  let home: LocalReceiver
  beforeAll(async () => {
    home = await openReceiver((response) => response.end('at home'), selfSigned('hooks.example'))
  })
  afterAll(() => home.close())

  it.each([['127.0.0.1'], ['::1'], ['0.0.0.0'], ['::ffff:127.0.0.1'], ['::ffff:7f00:1'], ['64:ff9b::7f00:1']])(
    'refuses a name that resolves to %s, before a connection is made',
    async (address) => {
      const egress = open({ policy: closedPolicy(), resolve: resolver([address]).resolve })
      const refusal = await egress
        .post(`https://hooks.example:${home.port}/`, request())
        .catch((error: unknown) => error)
      expect(refusal).toBeInstanceOf(EgressRefused)
      expect(refusal).toMatchObject({
        code: 'egress-refused-name',
        message: 'The name does not resolve to an address that may be called.',
      })
      expect(home.connections()).toBe(0)
    },
  )

  it('refuses a name that resolves to a public and a local address', async () => {
    for (const addresses of [
      ['8.8.8.8', '127.0.0.1'],
      ['127.0.0.1', '8.8.8.8'],
    ]) {
      const egress = open({ policy: closedPolicy(), resolve: resolver(addresses).resolve })
      await expect(egress.post(`https://hooks.example:${home.port}/`, request())).rejects.toMatchObject({
        code: 'egress-refused-name',
      })
    }
    expect(home.connections()).toBe(0)
  })

  it('refuses addresses in the URL, in any form, without resolving a name', async () => {
    const { resolve, asked } = resolver(['8.8.8.8'])
    const egress = open({ policy: closedPolicy(), resolve })
    for (const host of [
      '127.0.0.1',
      '2130706433',
      '0x7f.1',
      '[::1]',
      '[::ffff:127.0.0.1]',
      'localhost',
      'localhost.',
    ]) {
      await expect(egress.post(`https://${host}:${home.port}/`, request()), host).rejects.toMatchObject({
        code: 'egress-refused-url',
      })
    }
    await expect(egress.post(`http://hooks.example:${home.port}/`, request())).rejects.toMatchObject({
      message: 'The URL must be an https URL.',
    })
    expect([asked(), home.connections()]).toEqual([0, 0])
  })

  it('is not bypassed by a name that is public when it is checked and local afterwards', async () => {
    const { resolve, asked } = resolver(['8.8.8.8'], ['127.0.0.1'])
    const egress = open({ policy: closedPolicy(), resolve })
    const url = `https://hooks.example:${home.port}/`
    // The connection used the address that was checked: the name was not resolved again.
    await egress.post(url, request({ timeoutMs: 200 })).catch(() => undefined)
    expect([asked(), home.connections()]).toEqual([1, 0])
    await expect(egress.post(url, request({ timeoutMs: 200 }))).rejects.toBeInstanceOf(EgressError)
    expect(home.connections()).toBe(0)
  })
})

describe('the connection', () => {
  it('goes to exactly the address that was checked; the next connection is checked again', async () => {
    const server = await openReceiver((response) => response.setHeader('connection', 'close').end())
    const { resolve, asked } = resolver(['127.0.0.1'], ['169.254.169.254'])
    const egress = open({ policy: localPolicy, resolve })
    const url = `http://hooks.example:${server.port}/`
    expect((await egress.post(url, request())).status).toBe(200)
    expect([asked(), server.received[0]?.headers.host]).toEqual([1, `hooks.example:${server.port}`])
    await expect(egress.post(url, request())).rejects.toMatchObject({ code: 'egress-refused-name' })
    expect(server.connections()).toBe(1)
    await server.close()
  })

  it('is reused only for its own name', async () => {
    const server = await openReceiver((response) => response.end())
    const egress = open({ policy: localPolicy, resolve: resolver(['127.0.0.1']).resolve })
    const post = async (name: string) => {
      expect((await egress.post(`http://${name}:${server.port}/`, request())).status).toBe(200)
      return server.connections()
    }
    for (let sent = 0; sent < 8; sent += 1) await post('a.example')
    const connections = await post('a.example')
    expect(connections).toBeLessThan(9)
    expect(await post('b.example')).toBe(connections + 1)
    const refusing = open({ policy: localPolicy, resolve: resolver(['169.254.169.254']).resolve })
    await expect(refusing.post(`http://a.example:${server.port}/`, request())).rejects.toMatchObject({
      code: 'egress-refused-name',
    })
    await server.close()
  })

  it('verifies the certificate for the called name, not for the address', async () => {
    const identity = selfSigned('hooks.example')
    const server = await openReceiver((response) => response.end('safe'), identity)
    const { resolve } = resolver(['127.0.0.1'])
    const url = (name: string) => `https://${name}:${server.port}/`
    const trusting = open({ policy: localPolicy, resolve, ca: identity.cert })
    expect((await trusting.post(url('hooks.example'), request())).body).toBe('safe')
    for (const [egress, name] of [
      [trusting, 'other.example'],
      [trusting, '127.0.0.1'],
      [open({ policy: localPolicy, resolve }), 'hooks.example'],
    ] as const) {
      await expect(egress.post(url(name), request()), name).rejects.toMatchObject({
        code: 'egress-tls',
        message: 'No trusted TLS connection could be established.',
      })
    }
    expect(server.received).toHaveLength(1)
    await server.close()
  })

  it('is https if the URL is https, also when a plain HTTP server answers', async () => {
    const server = await openReceiver((response) => response.end())
    await expect(
      open({ policy: localPolicy }).post(`https://127.0.0.1:${server.port}/`, request()),
    ).rejects.toMatchObject({ code: 'egress-tls' })
    await server.close()
  })
})
