/**
 * FetchJWTSVID of the SPIFFE Workload API: https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE_Workload_API.md
 * @module
 */
import { LONGEST_ANSWER } from './ask.ts';
import { encodeText, type Field, readFields, readText } from './protobuf.ts';
import { type Address, unaryCall } from './unary-call.ts';
import { type Refusal, refusal } from './unary-reply.ts';

export interface Svid {
  readonly spiffeId: string;
  readonly token: string;
}

/** What came of one call. */
export type Fetched = { readonly kind: 'svids'; readonly svids: readonly Svid[] } | Refusal;

export interface SvidAsk {
  readonly audience: string;
  /** Empty for every identity that this process has. */
  readonly spiffeId: string;
}

export interface SvidQuestion extends SvidAsk {
  readonly address: Address;
  /** What the agent is told of the time that there is. */
  readonly limitMs: number;
  readonly signal: AbortSignal;
}

/** Never rejects for what the server does. */
export async function fetchJwtSvids({ address, limitMs, signal, ...ask }: SvidQuestion): Promise<Fetched> {
  const outcome = await unaryCall({
    address,
    method: '/SpiffeWorkloadAPI/FetchJWTSVID',
    // Section 3 of the specification of the endpoint: what a page or a proxy that was tricked into a call cannot send.
    metadata: { 'workload.spiffe.io': 'true' },
    message: encodeRequest(ask),
    longest: LONGEST_ANSWER,
    limitMs,
    signal,
  });
  if (outcome.kind === 'refused') return outcome;
  const svids = decodeResponse(outcome.message);
  return svids === null ? refusal('internal', 'its message cannot be read') : { kind: 'svids', svids };
}

/** A JWTSVIDRequest of workloadapi.proto. */
export function encodeRequest({ audience, spiffeId }: SvidAsk): Uint8Array {
  return Buffer.concat([encodeText(1, audience), ...(spiffeId === '' ? [] : [encodeText(2, spiffeId)])]);
}

/** The JWT-SVIDs of a JWTSVIDResponse, in its order; null where it is not one. */
export function decodeResponse(message: Uint8Array): readonly Svid[] | null {
  const svids = readFields(message)
    ?.filter(({ number }) => number === 1)
    .map(decodeSvid);
  return svids?.every((svid) => svid !== null) === true ? svids : null;
}

/** Its hint, which tells identities apart for people who chose it, is passed over like a field of a later version. */
function decodeSvid({ type, value }: Field): Svid | null {
  const fields = type === 'length-delimited' ? readFields(value) : null;
  if (fields === null) return null;
  const [spiffeId, token] = [textOf(fields, 1), textOf(fields, 2)];
  return spiffeId === null || token === null ? null : { spiffeId, token };
}

/** Of a field that is there several times the last counts, and one that is not there is empty. */
function textOf(fields: readonly Field[], number: number): string | null {
  const texts = fields.filter((field) => field.number === number).map(readText);
  return texts.includes(null) ? null : (texts.at(-1) ?? '');
}
