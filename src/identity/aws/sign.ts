/**
 * The client's side: proves which AWS identity this process runs under.
 * @module
 */
import type { Random } from '../../core/ports.ts';
import { JitError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import type { AwsCredentials } from './credentials.ts';
import { readCredentials } from './credentials.ts';
import { placeOf } from './place.ts';
import { CALL, type Challenge, CHALLENGE_HEADER, LONGEST_PROOF, challengeText, writeProof } from './proof.ts';

export interface SigningParts extends Challenge {
  /** The region whose STS is to vouch: one that the broker's entry lists, of the partition of the credentials. */
  readonly region: string;
  /** Null for the default chain of the SDK: environment, files, single sign-on, container, instance. */
  readonly credentials: AwsCredentials | null;
  readonly random: Random;
  /** Epoch ms. */
  readonly now: () => number;
}

/**
 * Signs `sts:GetCallerIdentity` and gives the request as one token, of type `urn:jit:token-type:aws-caller-identity`,
 * for the broker to send. The secret access key stays here; nothing is sent to AWS by this function.
 *
 * The signature covers method, host, path, body and the header
 * `x-jit-challenge: AUDIENCE;NONCE;THUMBPRINT;BODY;SALT`. The thumbprint is that of the key which signs the DPoP proof of
 * the call that carries the token; that proof covers method and address of the call (RFC 9449 section 4.2), and the session
 * that comes of it is bound to the same key. The body is the hash of what else the call says: for whom an agent acts, and of
 * which kinds its proofs are. So the chain is: AWS vouches for whoever signed the challenge, the challenge names the key and
 * the body, the key signs this one call. Whoever steals the token
 * - cannot use it at this broker: each call needs a DPoP proof by the key that the challenge names, which never leaves the
 *   client; and the broker takes a signature once, in the five minutes after its making, with the nonce that it names;
 * - cannot make it say anything else to this broker: with another body it is none;
 * - cannot use it at another broker, nor can a broker to which it was sent: the audience is another, and a client never
 *   signs an audience that is not that of the broker it was told to use;
 * - cannot turn it into another request to AWS: every byte that matters is signed. Sent to STS as it is, for AWS's fifteen
 *   minutes, it tells whose it is, and nothing else.
 *
 * The salt makes two proofs of one second two proofs: SigV4 knows whole seconds only, and the same one is not taken twice.
 * @throws {JitError} `ERR_NOT_SIGNED_IN` where there are no credentials, they are too long to send, or the region is none;
 * `ERR_BROKER_REPLY` for an audience or nonce that has no place in a header.
 */
export async function signCallerIdentity(parts: SigningParts): Promise<Secret<string>> {
  const { region, credentials, random, now } = parts;
  const place = placeOf(region);
  if (place === null) {
    throw new JitError({
      code: 'ERR_NOT_SIGNED_IN',
      message: 'that is not an AWS region with an STS of its own',
      hint: 'set AWS_REGION to one like eu-west-1',
    });
  }
  const challenge = challengeText(parts);
  if (challenge === null) {
    throw new JitError({ code: 'ERR_BROKER_REPLY', message: 'the broker gave an audience or a nonce that has no use' });
  }
  const [{ SignatureV4 }, { Sha256 }, keys] = await Promise.all([
    import('@smithy/signature-v4'),
    import('@aws-crypto/sha256-js'),
    readCredentials(credentials, region),
  ]);
  const salt = Buffer.from(random(16)).toString('base64url');
  const signer = new SignatureV4({
    service: 'sts',
    region,
    credentials: keys,
    sha256: Sha256,
    // It would add a header that says nothing new: the body's hash is part of what is signed in any case.
    applyChecksum: false,
  });
  const { headers } = await signer.sign(
    {
      method: CALL.method,
      protocol: 'https:',
      hostname: place.host,
      path: CALL.path,
      query: {},
      headers: { host: place.host, 'content-type': CALL.contentType, [CHALLENGE_HEADER]: `${challenge};${salt}` },
      body: CALL.body,
    },
    { signingDate: new Date(now()) },
  );
  const proof = writeProof(region, {
    authorization: headers['authorization'] ?? '',
    'x-amz-date': headers['x-amz-date'] ?? '',
    'x-amz-security-token': headers['x-amz-security-token'],
    [CHALLENGE_HEADER]: headers[CHALLENGE_HEADER] ?? '',
  });
  if (proof.length > LONGEST_PROOF) {
    throw new JitError({
      code: 'ERR_NOT_SIGNED_IN',
      message: 'the session token of the AWS credentials is too long to prove an identity with',
      hint: 'assume the role with a smaller session policy and fewer tags',
    });
  }
  return new Secret(proof);
}
