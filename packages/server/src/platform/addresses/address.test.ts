import { describe, expect, it } from 'vitest'
import { addressKind, isInRange, isLoopback, parseRange } from './address.ts'

const publicOnes = [
  '8.8.8.8',
  '1.1.1.1',
  '93.184.215.14',
  '100.63.255.255',
  '100.128.0.1',
  '172.15.0.1',
  '172.32.0.1',
  '2606:4700::1111',
  '2001:4860:4860::8888',
  '2a00:1450:4001::1',
]

const localOnes = [
  '127.0.0.1',
  '127.255.255.254',
  '10.0.0.1',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '100.64.0.1',
  '100.127.255.255',
  '::1',
  'fc00::1',
  'fd12:3456::1',
]

const metadataOnes = [
  '169.254.169.254',
  '169.254.170.2',
  'fd00:ec2::254',
  'fd00:ec2::23',
  'fd00:0ec2:0:0:0:0:0:254',
  'fd20:ce::254',
  '100.100.100.200',
  '168.63.129.16',
  '192.0.0.192',
]

const specialOnes = {
  unspecified: ['0.0.0.0', '0.1.2.3', '::'],
  'link-local': ['169.254.0.1', 'fe80::1', 'fe80::1%eth0'],
  'multicast and broadcast': ['224.0.0.1', '239.255.255.255', '255.255.255.255', 'ff02::1'],
  reserved: [
    '192.0.2.1',
    '198.18.0.1',
    '198.51.100.1',
    '203.0.113.1',
    '240.0.0.1',
    '192.88.99.1',
    '2001:db8::1',
    '3fff::1',
    '100::1',
    'fec0::1',
    '4000::1',
    '::2:1',
  ],
  'IPv4 in IPv6, mapped': [
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:10.0.0.1',
    '::ffff:8.8.8.8',
    '::ffff:0:127.0.0.1',
  ],
  'IPv4 in IPv6, compatible': ['::127.0.0.1', '::7f00:1', '::8.8.8.8'],
  'IPv4 in IPv6, NAT64': ['64:ff9b::7f00:1', '64:ff9b::a9fe:a9fe', '64:ff9b:1::7f00:1'],
  'IPv4 in IPv6, 6to4 and Teredo': ['2002:7f00:1::', '2002:0a00:1::1', '2001:0:4136:e378:8000:63bf:3fff:fdd2'],
}

const noAddresses = [
  '',
  'localhost',
  '127.1',
  '0x7f000001',
  '2130706433',
  '0177.0.0.1',
  '1.2.3.4.5',
  '8.8.8.8/8',
  ' 8.8.8.8',
  '[::1]',
]

describe('addressKind', () => {
  it.each([
    ...publicOnes.map((address) => [address, 'public'] as const),
    ...localOnes.map((address) => [address, 'local'] as const),
    ...metadataOnes.map((address) => [address, 'metadata'] as const),
    ...Object.values(specialOnes).flatMap((addresses) => addresses.map((address) => [address, 'special'] as const)),
    ...noAddresses.map((text) => [text, 'none'] as const),
  ])('%j is %s', (address, kind) => {
    expect(addressKind(address)).toBe(kind)
  })
})

describe('a range', () => {
  it('contains the addresses with the same leading bits, of the same family', () => {
    const range = parseRange('10.1.0.0/16')
    expect(range).toBeDefined()
    if (range === undefined) return
    expect(['10.1.2.3', '10.2.0.0', '::ffff:10.1.2.3', 'fd00::1', 'x'].map((text) => isInRange(text, range))).toEqual([
      true,
      false,
      false,
      false,
      false,
    ])
  })

  it.each(['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', '10.1/8', 'fd00::/129', 'host', ''])('is not %j', (text) => {
    expect(parseRange(text)).toBeUndefined()
  })
})

it('knows the loopback hosts', () => {
  const hosts = ['127.0.0.1', '127.1.2.3', '::1', 'localhost', 'LOCALHOST', '0.0.0.0', '::', '10.0.0.1', 'example.com']
  expect(hosts.map(isLoopback)).toEqual([true, true, true, true, true, false, false, false, false])
})
