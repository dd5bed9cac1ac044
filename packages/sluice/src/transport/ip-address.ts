// Questions about IP addresses in text, which node:net answers: what family, and in which subnet.
// Invariant: nothing throws; text that is no address is simply none.
// RFC 4632 (CIDR), RFC 4291 §2.2. Not here: names and ports (channel/host-port.ts).

import net from 'node:net';

/** 4 or 6 for an IP address in text, without brackets; 0 for anything else. */
export function ipFamily(text: string): 0 | 4 | 6 {
  const family = net.isIP(text);
  return family === 4 || family === 6 ? family : 0;
}

/** Whether `address` is one that reaches no other machine: 127.0.0.0/8 and ::1. */
export function isLoopback(address: string): boolean {
  return inSubnet(address, '127.0.0.0/8') || inSubnet(address, '::1/128');
}

/** Whether `address` lies in `subnet`, as in `10.0.0.0/8`; false when either is not understood. */
export function inSubnet(address: string, subnet: string): boolean {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(subnet);
  const family = ipFamily(address);
  const network = match?.[1] ?? '';
  const prefix = Number(match?.[2]);
  if (family === 0 || ipFamily(network) === 0) return false;
  if (!(prefix <= (ipFamily(network) === 4 ? 32 : 128))) return false;
  const list = new net.BlockList();
  list.addSubnet(network, prefix, familyName(network));
  // An IPv4 address in IPv6 form is found in an IPv4 subnet as well.
  return list.check(address, familyName(address));
}

function familyName(address: string): 'ipv4' | 'ipv6' {
  return ipFamily(address) === 4 ? 'ipv4' : 'ipv6';
}
