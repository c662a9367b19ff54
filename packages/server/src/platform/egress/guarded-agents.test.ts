import type { LookupAddress } from 'node:dns'
import { afterEach, describe, expect, it } from 'vitest'
import type { AddressPolicy } from './address-policy.ts'
import { createEgress, EgressRefused, type Egress } from './egress.ts'
import type { Resolve } from './resolve.ts'
import { closedPolicy, localPolicy, privatePolicy } from './testing/policies.ts'
import { openReceiver, request, type LocalReceiver } from './testing/receiver.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

async function receiver(): Promise<LocalReceiver> {
  const opened = await openReceiver((response) => response.end('inside'))
  closers.push(() => opened.close())
  return opened
}

function open(policy: AddressPolicy, zone: Readonly<Record<string, readonly string[]>> = {}): Egress {
  const resolve: Resolve = async (name) => {
    const addresses = zone[name]
    if (addresses === undefined) throw Object.assign(new Error('queryA ENOTFOUND'), { code: 'ENOTFOUND' })
    return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
  }
  const egress = createEgress({ policy, resolve })
  closers.push(() => egress.close())
  return egress
}

/** How a POST and a fetch ended, and whether their replies must be hidden. */
async function call(egress: Egress, url: string) {
  let hidden = 0
  const onHidden = () => (hidden += 1)
  const posted = await egress.post(url, request({ onHidden })).then(
    ({ status }) => status,
    (error: unknown) => error,
  )
  const fetched = await egress
    .fetch(url, { method: 'GET', headers: new Headers(), body: null, signal: null, onHidden })
    .then(
      ({ status }) => status,
      (error: unknown) => (error instanceof Error ? error.cause : error),
    )
  return { posted, fetched, hidden }
}

const refusedName = {
  posted: expect.any(EgressRefused),
  fetched: expect.any(EgressRefused),
  hidden: 0,
}

describe('replies of internal addresses', () => {
  it('must be hidden, by address and by name, however they were allowed', async () => {
    const { port } = await receiver()
    const both = { posted: 200, fetched: 200, hidden: 2 }
    // A webhook uses http only if the operator named its own host.
    const fetchOnly = { posted: expect.objectContaining({ code: 'egress-refused-url' }), fetched: 200, hidden: 1 }
    for (const [policy, host, expected] of [
      [privatePolicy(), '127.0.0.1', both],
      [privatePolicy(), 'in.example', both],
      [closedPolicy(`127.0.0.1:${port}`), '127.0.0.1', both],
      [closedPolicy(`127.0.0.1:${port}`), 'in.example', fetchOnly],
      [closedPolicy('127.0.0.0/8:*'), 'in.example', fetchOnly],
      [closedPolicy(`in.example:${port}`), 'in.example', both],
    ] as const) {
      const egress = open(policy, { 'in.example': ['127.0.0.1'] })
      expect(await call(egress, `http://${host}:${port}/`), host).toEqual(expected)
    }
  })

  it('are shown on a machine of one person', async () => {
    const { port } = await receiver()
    const egress = open(localPolicy, { 'in.example': ['127.0.0.1'] })
    for (const host of ['127.0.0.1', 'in.example'])
      expect(await call(egress, `http://${host}:${port}/`)).toEqual({ posted: 200, fetched: 200, hidden: 0 })
  })

  it('must be hidden when a name has public addresses too', async () => {
    const { port } = await receiver()
    const egress = open(privatePolicy(), { 'both.example': ['127.0.0.1', '8.8.8.8'] })
    expect(await call(egress, `http://both.example:${port}/`)).toMatchObject({ posted: 200, hidden: 2 })
  })
})

describe('failures of calls to internal addresses', () => {
  it('must be hidden if nobody listens there', async () => {
    const gone = await receiver()
    await gone.close()
    expect(await call(open(privatePolicy()), gone.url)).toMatchObject({
      posted: expect.objectContaining({ code: 'egress-connection-refused' }),
      hidden: 2,
    })
  })

  it('must be hidden when the call times out, though nothing more is known of it', async () => {
    const answer = Promise.withResolvers<LookupAddress[]>()
    const egress = createEgress({ policy: privatePolicy(), resolve: () => answer.promise })
    closers.push(async () => {
      answer.resolve([])
      await egress.close()
    })
    let isHidden = false
    const onHidden = () => (isHidden = true)
    const seen = await egress
      .post('http://slow.localhost/', request({ onHidden, timeoutMs: 100 }))
      .catch((error: unknown) => ({ error, isHidden }))
    expect(seen).toEqual({ error: expect.objectContaining({ code: 'egress-timeout' }), isHidden: true })
  })

  it('are shown if there was no connection, because they say nothing about a server', async () => {
    const failed = expect.objectContaining({ code: 'egress-dns' })
    expect(await call(open(privatePolicy()), 'http://nothing.localhost/')).toEqual({
      posted: failed,
      fetched: failed,
      hidden: 0,
    })
  })
})

describe('a name', () => {
  it('is refused if any of its addresses is refused', async () => {
    const home = await receiver()
    for (const addresses of [
      ['8.8.8.8', '127.0.0.1'],
      ['127.0.0.1', '8.8.8.8'],
      ['8.8.8.8', '::ffff:127.0.0.1'],
    ]) {
      const egress = open(closedPolicy(), { 'in.example': addresses })
      expect(await call(egress, `https://in.example:${home.port}/`)).toEqual(refusedName)
    }
    for (const addresses of [
      ['127.0.0.1', '169.254.169.254'],
      ['10.0.0.1', 'fd00:ec2::254'],
    ]) {
      const egress = open(privatePolicy(), { 'in.example': addresses })
      expect(await call(egress, `http://in.example:${home.port}/`)).toEqual(refusedName)
    }
    expect(home.connections()).toBe(0)
  })

  it('says the same whether it does not exist or has an internal address', async () => {
    const egress = open(closedPolicy(), { 'db.internal': ['10.0.0.5'] })
    const messages = await Promise.all(
      ['https://db.internal/', 'https://nothing.internal/'].map((url) =>
        egress.post(url, request()).catch((error: unknown) => (error instanceof Error ? error.message : '')),
      ),
    )
    expect(messages[0]).toBe('The name does not resolve to an address that may be called.')
    expect(messages[1]).toBe(messages[0])
  })

  it('does not use the connection of another port or policy entry', async () => {
    const [one, other] = [await receiver(), await receiver()]
    const egress = open(closedPolicy(`in.example:${one.port}`), { 'in.example': ['127.0.0.1'] })
    expect(await call(egress, `http://in.example:${one.port}/`)).toMatchObject({ fetched: 200 })
    expect(await call(egress, `http://in.example:${other.port}/`)).toMatchObject({ fetched: expect.any(EgressRefused) })
    expect(other.connections()).toBe(0)
  })

  it('of /etc/hosts is found where private addresses are allowed', async () => {
    const home = await receiver()
    const egress = createEgress({ policy: privatePolicy() })
    closers.push(() => egress.close())
    expect(await call(egress, `http://localhost:${home.port}/`)).toEqual({ posted: 200, fetched: 200, hidden: 2 })
  })
})
