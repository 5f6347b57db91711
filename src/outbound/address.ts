/**
 * Where the broker may be led to: which URLs, and which addresses behind their names (against SSRF, the class of
 * GHSA-hw4x-mcx5-9q36).
 * @module
 */
import { BlockList, isIP, isIPv4 } from 'node:net';

/** `public`: addresses of the public internet only. `private`: those of private networks and of this host as well. */
export type Reach = 'public' | 'private';

type Subnet = readonly [network: string, prefix: number];

function blockList(v4: readonly Subnet[], v6: readonly Subnet[]): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of v4) list.addSubnet(network, prefix, 'ipv4');
  for (const [network, prefix] of v6) list.addSubnet(network, prefix, 'ipv6');
  return list;
}

/** No reach includes these: this network, link-local, multicast, reserved, and the metadata services that are elsewhere. */
const NEVER = blockList(
  [
    ['0.0.0.0', 8],
    ['169.254.0.0', 16],
    ['224.0.0.0', 4],
    ['240.0.0.0', 4],
    // Metadata of Azure (WireServer), Alibaba Cloud and Oracle Cloud.
    ['168.63.129.16', 32],
    ['100.100.100.200', 32],
    ['192.0.0.192', 32],
  ],
  [
    ['::', 128],
    ['fe80::', 10],
    ['ff00::', 8],
    // Metadata of AWS and Google Cloud.
    ['fd00:ec2::254', 128],
    ['fd20:ce::254', 128],
  ],
);

/** The rest of what the IANA special-purpose address registries call not globally reachable. */
const PRIVATE_V4 = blockList(
  [
    ['10.0.0.0', 8],
    ['100.64.0.0', 10],
    ['127.0.0.0', 8],
    ['172.16.0.0', 12],
    ['192.0.0.0', 24],
    ['192.0.2.0', 24],
    ['192.88.99.0', 24],
    ['192.168.0.0', 16],
    ['198.18.0.0', 15],
    ['198.51.100.0', 24],
    ['203.0.113.0', 24],
  ],
  [],
);
const GLOBAL_V6 = blockList([], [['2000::', 3]]);
/** Within 2000::/3: protocol assignments with Teredo, documentation, 6to4. */
const SPECIAL_V6 = blockList(
  [],
  [
    ['2001::', 23],
    ['2001:db8::', 32],
    ['2002::', 16],
    ['3fff::', 20],
  ],
);
/** IPv4 in other clothes: mapped (RFC 4291 section 2.5.5.2) and behind NAT64 (RFC 6052). */
const EMBEDDED_V4 = blockList(
  [],
  [
    ['::ffff:0:0', 96],
    ['64:ff9b::', 96],
  ],
);

/** @param address as a resolver gives it. */
export function isReachable(address: string, reach: Reach): boolean {
  switch (isIP(address)) {
    case 4:
      return !NEVER.check(address, 'ipv4') && (reach === 'private' || !PRIVATE_V4.check(address, 'ipv4'));
    case 6: {
      if (address.includes('%')) return false;
      if (EMBEDDED_V4.check(address, 'ipv6')) return isReachable(lastFourBytes(address), reach);
      if (NEVER.check(address, 'ipv6')) return false;
      return reach === 'private' || (GLOBAL_V6.check(address, 'ipv6') && !SPECIAL_V6.check(address, 'ipv6'));
    }
    default:
      return false;
  }
}

/** An IPv6 address whose last part may be written as IPv4, as a dotted quad. */
function lastFourBytes(address: string): string {
  const tail = address.slice(address.lastIndexOf(':') + 1);
  if (isIPv4(tail)) return tail;
  // The parser of URLs writes every address in its shortest form; what is left of a gap is not asked for here.
  const groups = new URL(`http://[${address}]`).hostname.slice(1, -1).split(':');
  const [high, low] = groups.slice(-2).map((group) => Number.parseInt(group === '' ? '0' : group, 16));
  return [(high ?? 0) >> 8, (high ?? 0) & 0xff, (low ?? 0) >> 8, (low ?? 0) & 0xff].join('.');
}

const LOOPBACK = blockList([['127.0.0.0', 8]], [['::1', 128]]);

/** Whether an address is this host and nothing else. */
export function isLoopback(address: string): boolean {
  const family = isIP(address);
  return family !== 0 && LOOPBACK.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

/** The host of a URL without the brackets of IPv6. */
export function hostOf({ hostname }: URL): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
}

/**
 * What is wrong with a URL to call, in a few words, or null. https only, or http to this host where private
 * addresses are allowed; no user, no fragment, and no address that `reach` leaves out.
 */
export function urlProblem(text: string, reach: Reach): string | null {
  if (!/^https?:\/\/[\x21-\x7e]{1,2000}$/.test(text) || !URL.canParse(text)) return 'an https URL';
  const url = new URL(text);
  const host = hostOf(url);
  if (url.username !== '' || url.password !== '' || /[#\\]/.test(text)) return 'a URL without user and fragment';
  if (url.protocol === 'http:' && !(reach === 'private' && (host === 'localhost' || isLoopback(host)))) {
    return 'an https URL: http is for a loopback address only, with allow_private_addresses';
  }
  if (isIP(host) !== 0 && !isReachable(host, reach)) {
    return reach === 'public' ? 'a public address, or allow_private_addresses' : 'an address that may be reached';
  }
  return null;
}
