/**
 * Where STS is asked: a region's own host name, computed from the region and never taken from anybody.
 * @module
 */

export type Partition = 'aws' | 'aws-cn' | 'aws-us-gov';

export interface Place {
  readonly region: string;
  readonly partition: Partition;
  /** The regional STS endpoint, over https on its standard port. */
  readonly host: string;
}

// Whole texts of these letters only: a host name is built from them.
const PARTITIONS: readonly (readonly [Partition, RegExp, suffix: string])[] = [
  ['aws-cn', /^cn-[a-z]{4,9}-\d{1,2}$/, 'amazonaws.com.cn'],
  ['aws-us-gov', /^us-gov-[a-z]{4,9}-\d{1,2}$/, 'amazonaws.com'],
  ['aws', /^(?!cn-)[a-z]{2}-[a-z]{4,9}-\d{1,2}$/, 'amazonaws.com'],
];

/**
 * Null for what is no region of these partitions. The global endpoint has no place here: it is not in every partition,
 * and a region says where the call is answered. Source: AWS General Reference, "AWS STS endpoints and quotas".
 */
export function placeOf(region: string): Place | null {
  const found = PARTITIONS.find(([, pattern]) => pattern.test(region));
  if (found === undefined) return null;
  const [partition, , suffix] = found;
  return { region, partition, host: `sts.${region}.${suffix}` };
}
