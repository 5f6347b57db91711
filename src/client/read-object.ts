/**
 * One signed read of an object, for whoever wants to see with their own eyes what a credential can do. No SDK of S3 is loaded for it.
 * @module
 */
import type { AwsKeys, AwsSettings } from '../core/credential.ts';
import { asJitError, JitError } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';

export interface ObjectRead {
  readonly bucket: string;
  readonly key: string;
  readonly tool: AwsSettings & { readonly endpoint: string };
  readonly keys: Secret<AwsKeys>;
  readonly signal: AbortSignal;
}

/** `refused`: the cloud knows the credentials and does not let them, or knows them no more. */
export type Reading = { readonly kind: 'read'; readonly bytes: number } | { readonly kind: 'refused' };

const ANSWER_MS = 10_000;

/** `GET /BUCKET/KEY` with Signature Version 4. Throws `ERR_CLOUD` for any other answer and for none. */
export async function readObject({ bucket, key, tool, keys, signal }: ObjectRead): Promise<Reading> {
  const url = new URL(`/${bucket}/${key}`, tool.endpoint);
  const [{ SignatureV4 }, { Sha256 }] = await Promise.all([
    import('@smithy/signature-v4'),
    import('@aws-crypto/sha256-js'),
  ]);
  const signer = new SignatureV4({
    service: 's3',
    region: tool.region,
    credentials: keys.expose(),
    sha256: Sha256,
    // S3 alone signs its paths as they are.
    uriEscapePath: false,
  });
  const { headers } = await signer.sign({
    method: 'GET',
    protocol: url.protocol,
    hostname: url.hostname,
    ...(url.port === '' ? {} : { port: Number(url.port) }),
    path: url.pathname,
    query: {},
    headers: { host: url.host },
  });
  const { host: _, ...rest } = headers;
  try {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
    const reply = await fetch(url, { headers: rest, redirect: 'error', signal: patience });
    const body = await reply.arrayBuffer();
    if (reply.ok) return { kind: 'read', bytes: body.byteLength };
    if (reply.status === 401 || reply.status === 403) return { kind: 'refused' };
    throw new JitError({ code: 'ERR_CLOUD', message: `the cloud answered a read with status ${reply.status}` });
  } catch (thrown) {
    if (signal.aborted) throw asJitError(signal.reason);
    if (thrown instanceof JitError) throw thrown;
    throw new JitError({ code: 'ERR_CLOUD', message: 'the cloud gives no answer', cause: thrown });
  }
}
