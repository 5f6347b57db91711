/**
 * A token by which a cluster of EKS recognises an AWS session: a signed request to STS that the cluster sends on.
 * Source: aws-iam-authenticator, README ("API Authorization from Outside a Cluster") and pkg/token, whose verifier is what EKS runs.
 * @module
 */
import type { AwsKeys } from '../../core/credential.ts';
import { JitError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import { placeOf } from './place.ts';

export interface EksTokenParts {
  readonly keys: Secret<AwsKeys>;
  readonly region: string;
  /** The name of the cluster, which the signature covers: no other cluster takes the token. */
  readonly cluster: string;
  /** Epoch ms. */
  readonly now: number;
  /** Stands in for the STS of the region; a real cluster takes no token for any other. */
  readonly sts?: URL;
}

const PREFIX = 'k8s-aws-v1.';
const CLUSTER_HEADER = 'x-k8s-aws-id';
/** What every client writes. STS takes the request for 15 minutes all the same, says aws-iam-authenticator. */
const EXPIRES_SECONDS = 60;
/** The verifier takes no longer ones. */
const LONGEST_TOKEN = 4_096;
/** EKS API reference, CreateCluster, name. */
const CLUSTER = /^[0-9A-Za-z][\w-]{0,99}$/;

/** Throws `ERR_USAGE` for what is no cluster's name, `ERR_TARGET` where the region has no STS, or the session is too long. */
export async function eksToken(parts: EksTokenParts): Promise<Secret<string>> {
  const { keys, region, cluster, now } = parts;
  if (!CLUSTER.test(cluster)) {
    throw new JitError({
      code: 'ERR_USAGE',
      message: 'that is not the name of a cluster',
      hint: 'letters, digits, - and _, as in: aws eks list-clusters',
    });
  }
  const host = placeOf(region)?.host;
  const sts = parts.sts ?? (host === undefined ? null : new URL(`https://${host}`));
  if (sts === null)
    throw new JitError({ code: 'ERR_TARGET', message: 'there is no STS for the region of that target' });
  const [{ SignatureV4 }, { Sha256 }] = await Promise.all([
    import('@smithy/signature-v4'),
    import('@aws-crypto/sha256-js'),
  ]);
  const signer = new SignatureV4({ service: 'sts', region, credentials: keys.expose(), sha256: Sha256 });
  const { query } = await signer.presign(
    {
      method: 'GET',
      protocol: sts.protocol,
      hostname: sts.hostname,
      path: '/',
      query: { Action: 'GetCallerIdentity', Version: '2011-06-15' },
      headers: { host: sts.host, [CLUSTER_HEADER]: cluster },
    },
    { expiresIn: EXPIRES_SECONDS, signingDate: new Date(now) },
  );
  const url = new URL('/', sts);
  // As the signer has encoded it: what is signed is this text.
  url.search = Object.entries(query ?? {})
    .map(([name, value]) => `${encode(name)}=${encode(String(value))}`)
    .join('&');
  const token = `${PREFIX}${Buffer.from(url.href, 'utf8').toString('base64url')}`;
  if (token.length <= LONGEST_TOKEN) return new Secret(token);
  throw new JitError({
    code: 'ERR_TARGET',
    message: 'the session of that grant is too long for a token of EKS',
    hint: 'ask for less in one grant: its policy and tags are part of the session',
  });
}

/** RFC 3986, as SigV4 wants it. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
