import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { openWorld } from '../../../testing/world.ts'
import { clientAddress, networkOf, parseAddress, trustedProxies } from './client-address.ts'
import { readLog } from '../testing/log-lines.ts'
import { makeToys } from '../testing/toys.ts'

function addressOf(socketAddress: string, forwarded: string, trusted: readonly string[]): string {
  const socket = new Socket()
  Object.defineProperty(socket, 'remoteAddress', { value: socketAddress })
  const request = new IncomingMessage(socket)
  request.headers['x-forwarded-for'] = forwarded
  return clientAddress(request, trustedProxies(trusted))
}

describe('the address of a client', () => {
  it.each([
    ['10.0.0.1', '203.0.113.7', { trusted: [], expected: '10.0.0.1' }],
    ['10.0.0.1', '203.0.113.7', { trusted: ['10.0.0.0/8'], expected: '203.0.113.7' }],
    ['::ffff:10.0.0.1', '203.0.113.7', { trusted: ['uniquelocal'], expected: '203.0.113.7' }],
    ['10.0.0.1', '198.51.100.1, 203.0.113.7, 10.0.0.2', { trusted: ['10.0.0.0/8'], expected: '203.0.113.7' }],
    ['10.0.0.1', '198.51.100.1, 203.0.113.7', { trusted: ['true'], expected: '198.51.100.1' }],
    ['10.0.0.1', '<script>, 203.0.113.7', { trusted: ['10.0.0.0/8'], expected: '203.0.113.7' }],
    ['10.0.0.1', '<script>', { trusted: ['true'], expected: '10.0.0.1' }],
    ['10.0.0.1', 'x'.repeat(3_000), { trusted: ['true'], expected: '10.0.0.1' }],
    ['10.0.0.1', 'unknown, 203.0.113.7', { trusted: ['true'], expected: '10.0.0.1' }],
    ['10.0.0.1', ', ,', { trusted: ['true'], expected: '10.0.0.1' }],
    ['fe80::1%eth0', '', { trusted: [], expected: 'fe80::1' }],
    ['::1', '[2001:DB8:0::1]:443', { trusted: ['loopback'], expected: '2001:db8::1' }],
    ['::1', '203.0.113.7:51234', { trusted: ['loopback'], expected: '203.0.113.7' }],
  ])('of %s with X-Forwarded-For %s and %j', (socketAddress, forwarded, { trusted, expected }) => {
    expect(addressOf(socketAddress, forwarded, trusted)).toBe(expected)
  })

  it.each(['', '1', '1.2.3', '01.2.3.4', '1.2.3.4, 5.6.7.8', ':::', '1::2::3', 'example.com', '0x7f.1', '1.2.3.4%'])(
    'is never %j',
    (text) => expect([undefined, '1.2.3.4']).toContain(parseAddress(text)),
  )

  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8::ffff:2', '2001:db8:0:0::/64'],
    ['2001:db8:0:1::1', '2001:db8:0:1::/64'],
  ])('%s is counted as %s', (address, network) => expect(networkOf(address)).toBe(network))
})

it('limits count an IPv6 /64 as one caller, and text that is no address as the proxy', async () => {
  const world = await openWorld({
    features: [makeToys().feature],
    environment: { TRUST_PROXY: 'true', RATE_LIMIT_DEFAULT: '5' },
  })
  const statusFrom = async (address: string) =>
    (await world.send('GET /api/public-toys', { headers: { 'x-forwarded-for': address } })).status
  const statuses = async (addresses: readonly string[]) => {
    const found: number[] = []
    for (const address of addresses) found.push(await statusFrom(address))
    return found
  }
  const six = [1, 2, 3, 4, 5, 6]
  const limited = [200, 200, 200, 200, 200, 429]
  expect(await statuses(six.map((host) => `2001:db8::${host}`))).toEqual(limited)
  expect(await statuses(['2001:db8::77%eth0', '[2001:db8::78]:443'])).toEqual([429, 429])
  expect(await statuses(['2001:db8:0:1::1'])).toEqual([200])
  expect(
    await statuses(['203.0.113.7', '::ffff:203.0.113.7', '::ffff:cb00:7107', '203.0.113.7', '203.0.113.7']),
  ).toEqual(limited.slice(0, 5))
  expect(await statuses(['203.0.113.7'])).toEqual([429])
  expect(await statuses(six.map((host) => `<script>${host}`))).toEqual(limited)
  expect(readLog(world, '"msg":"request"').map(({ ip }) => ip)).not.toContainEqual(expect.stringMatching(/[<%[]/))
  await world.close()
})
