import assert from 'node:assert/strict'
import type { ConformanceCase } from './conformance-case.ts'

const mebibyte = 1024 * 1024

const connect = `
use IO::Socket::INET;
my $server = IO::Socket::INET->new(Listen => 100, LocalAddr => "127.0.0.1") or die $!;
sub connected {
  my $client = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $server->sockport) or die $!;
  return ($client, scalar $server->accept);
}`

const hasLoopback: ConformanceCase = {
  name: 'a program can connect to another one in the same sandbox',
  async check({ inside }) {
    const result = await inside(`perl -e '${connect}
my ($client, $accepted) = connected();
print $client "received\\n";
close $client;
print <$accepted>'`)
    assert.equal(result.stdout, 'received\n', result.stderr)
  },
}

// Without Nagle's algorithm, and each marked as the end of a record, small messages take a buffer of their own.
const sendSmall = `${connect}
for (1..20) {
  my ($client, $accepted) = connected();
  setsockopt $client, 6, 1, 1;
  $client->blocking(0);
  for (1..40) {
    $count++ while defined send $client, "x", 0x80;
    select undef, undef, undef, 0.005;
  }
  push @kept, $client, $accepted;
}
print $count`

const limitsSmallMessages: ConformanceCase = {
  name: 'small messages do not make the buffers of TCP larger than is counted',
  limits: { memoryBytes: 512 * mebibyte },
  async check({ inside }) {
    const { stdout, stderr } = await inside(`perl -e '${sendSmall}'`)
    // Each takes more than 512 bytes of the kernel's memory.
    const bytesPerConnection = (Number(stdout) * 512) / 20
    assert.ok(bytesPerConnection > 0 && bytesPerConnection < 400_000, `${stdout} ${stderr}`)
  },
}

export const networkCases: readonly ConformanceCase[] = [hasLoopback, limitsSmallMessages]
