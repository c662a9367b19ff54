import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createEgress, EgressRefused, type Egress } from './egress.ts'
import { findUrlMistake, hostMistake } from './egress-url.ts'
import { closedPolicy, localPolicy, privatePolicy } from './testing/policies.ts'
import { openReceiver, request, type LocalReceiver } from './testing/receiver.ts'

/** Spellings of loopback and private addresses, as the host of a URL. */
const localHosts = [
  ...['127.0.0.1', '127.0.0.1.', '127.1', '127.0.1', '127.255.255.254', '2130706433', '0x7f000001', '0x7F.0.0.1'],
  ...[
    '0x7f.1',
    '0177.0.0.1',
    '0177.1',
    '017700000001',
    '0x7f.0x0.0x0.0x1',
    '127.0.0.0x1',
    '１２７.0.0.1',
    '127。0。0。1',
  ],
  ...['①②⑦.0.0.1', '%31%32%37.0.0.1', '127.0.0.%31', '[::1]', '[0:0:0:0:0:0:0:1]', '[0000::0001]', '[::0.0.0.1]'],
  ...['localhost', 'LOCALHOST', 'localhost.', 'app.localhost', 'a.b.localhost.', 'ⓛocalhost', 'loca%6chost'],
  ...['10.0.0.1', '10.1', '0x0a.1', '012.0.0.1', '167772161', '10.255.255.255', '172.16.0.1', '172.31.255.255'],
  ...['192.168.0.1', '192.168.257', '3232235521', '0xc0a80001', '100.64.0.1', '100.127.255.254'],
  ...['[fc00::1]', '[fd12:3456:789a::1]', '[FD00::A]'],
]

/** Spellings of metadata services, link-local, reserved and embedding addresses, which need an entry of their own. */
const specialHosts = [
  ...['169.254.169.254', '169.254.169.254.', '0xa9fea9fe', '0xa9.0xfe.0xa9.0xfe', '2852039166', '0251.0376.0251.0376'],
  ...['169.254.43518', '169.16689662', '①⑥⑨.254.169.254', '169.254.170.2', '169.254.0.1', '[fe80::1]', '[febf::1]'],
  ...[
    '[fd00:ec2::254]',
    '[fd00:0ec2:0:0:0:0:0:254]',
    '[fd20:ce::254]',
    '100.100.100.200',
    '168.63.129.16',
    '192.0.0.192',
  ],
  ...['0.0.0.0', '0', '0x0', '0.1.2.3', '[::]', '[::0.0.0.2]', '224.0.0.1', '239.255.255.255', '255.255.255.255'],
  ...['240.0.0.1', '192.0.2.1', '198.18.0.1', '198.51.100.1', '203.0.113.1', '192.88.99.1', '[ff02::1]', '[fec0::1]'],
  ...[
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[0:0:0:0:0:ffff:7f00:1]',
    '[::ffff:10.0.0.1]',
    '[::ffff:169.254.169.254]',
  ],
  ...['[::ffff:a9fe:a9fe]', '[::ffff:0:127.0.0.1]', '[::127.0.0.1]', '[::7f00:1]', '[::a00:1]', '[64:ff9b::7f00:1]'],
  ...['[64:ff9b::a9fe:a9fe]', '[64:ff9b::10.0.0.1]', '[64:ff9b:1::7f00:1]', '[2002:7f00:1::]', '[2002:a00:1::1]'],
  ...['[2002:a9fe:a9fe::]', '[2001:0:4136:e378:8000:63bf:3fff:fdd2]', '[2001:db8::1]', '[3fff::1]', '[100::1]'],
]

const publicHosts = ['8.8.8.8', '[2606:4700::1111]', 'example.com', 'localhost.example.com', '127.0.0.1.example.com']

describe('a host of a URL', () => {
  const unreachable = () => Promise.reject(new Error('No name may be resolved.'))
  let home: LocalReceiver
  let closed: Egress
  let open: Egress
  beforeAll(async () => {
    home = await openReceiver((response) => response.end('at home'))
    closed = createEgress({ policy: closedPolicy(), resolve: unreachable })
    open = createEgress({ policy: privatePolicy(), resolve: unreachable })
  })
  afterAll(async () => {
    await Promise.all([closed.close(), open.close()])
    await home.close()
  })

  async function fetchAt(egress: Egress, host: string): Promise<unknown> {
    const call = egress.fetch(`http://${host}:${home.port}/`, {
      method: 'GET',
      headers: new Headers(),
      body: null,
      signal: AbortSignal.timeout(20_000),
    })
    return call.then(
      (response) => response.status,
      (error: unknown) => (error instanceof Error ? error.cause : error),
    )
  }

  it.each([...localHosts, ...specialHosts])('%s is refused by default, before a connection is made', async (host) => {
    expect(findUrlMistake(`https://${host}/`, closedPolicy())).toBe(hostMistake)
    expect(await fetchAt(closed, host)).toMatchObject({
      name: 'EgressRefused',
      message: 'The address may not be called: it is not public.',
    })
    await expect(closed.post(`https://${host}:${home.port}/`, request())).rejects.toBeInstanceOf(EgressRefused)
    expect(home.connections()).toBe(0)
  })

  it.each(specialHosts)('%s is refused where private addresses are allowed', async (host) => {
    for (const policy of [privatePolicy(), localPolicy])
      expect(findUrlMistake(`http://${host}/`, policy)).toBe(hostMistake)
    expect(await fetchAt(open, host)).toBeInstanceOf(EgressRefused)
    expect(home.connections()).toBe(0)
  })

  it.each(localHosts)('%s is allowed where private addresses are', (host) => {
    for (const policy of [privatePolicy(), localPolicy])
      expect(findUrlMistake(`http://${host}/`, policy)).toBeUndefined()
  })

  it.each(publicHosts)('%s is allowed everywhere', (host) => {
    for (const policy of [closedPolicy(), privatePolicy(), localPolicy])
      expect(findUrlMistake(`https://${host}/`, policy)).toBeUndefined()
  })
})
