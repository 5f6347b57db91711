/**
 * Calls of Google's APIs: one attempt each, with a deadline, an answer of bounded size and no redirects.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import type { Secret } from '../../core/secret.ts';
import { CallFailed, isBroken, judgeAnswer, judgeThrown } from './failure.ts';

export type Api = 'cloudresourcemanager' | 'iam' | 'iamcredentials' | 'privilegedaccessmanager' | 'sts';

export interface Call {
  readonly api: Api;
  /** Null for Google itself. */
  readonly endpoint: string | null;
  /** After the base, beginning with `/v`. Its parts are checked names, so that nothing needs escaping. */
  readonly path: string;
  /** Left out: a GET. */
  readonly body?:
    | { readonly type: 'json'; readonly value: unknown }
    | { readonly type: 'form'; readonly value: FormSecrets };
  readonly token: Secret<string> | null;
  /** Whether it can be made once more where a kept connection turns out to be dead: what it does twice does no harm. */
  readonly again: 'once' | 'never';
  /** Shown with the call in Google's audit logs (system parameter `X-Goog-Request-Reason`). */
  readonly reason?: string;
}

/** The fields of a form, of which one is secret. */
export interface FormSecrets {
  readonly fields: Readonly<Record<string, string>>;
  readonly subjectToken: Secret<string>;
}

/** @returns the text of a success. Throws `CallFailed`. */
export type Caller = (call: Call, signal: AbortSignal) => Promise<string>;

const DEADLINE_MS = 10_000;
/** A policy is "a few 10s of KB" (Resource Manager API v3, SetIamPolicyRequest), a role's permissions no more. */
const LONGEST_ANSWER = 4_000_000;
const LONGEST_PAUSE_MS = 60_000;

/** Where an API is reached. */
export function baseOf(api: Api, endpoint: string | null): string {
  return endpoint ?? `https://${api}.googleapis.com`;
}

/** One call's signal: the caller's own, or the deadline of every call. */
export function deadline(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]);
}

/** Where Google asked for a pause (Retry-After, RFC 9110 section 10.2.3), nothing is sent there before it is over. */
export function caller(now: Clock): Caller {
  const pauses = new Map<string, number>();
  return async ({ api, endpoint, path, body, token, again, reason }, signal) => {
    const base = baseOf(api, endpoint);
    // Of one project, or of one service account: others have quotas of their own.
    const place = `${base}${path.split(/[:?]/, 1)[0] ?? ''}`;
    if ((pauses.get(place) ?? 0) > now()) throw new CallFailed({ kind: 'busy', status: 'asked to pause', http: 429 });
    pauses.delete(place);
    if (signal.aborted) throw new CallFailed({ kind: 'busy', status: 'aborted', http: null });
    const why = reason === undefined ? {} : { reason };
    const ask = async (): Promise<Answer> =>
      await send(`${base}${path}`, { ...payload(body), ...bearer(token), ...why }, deadline(signal));
    const response = await ask().catch(async (thrown: unknown) => {
      if (again === 'never' || signal.aborted || !(thrown instanceof CallFailed) || !isBroken(thrown.failure))
        throw thrown;
      return await ask();
    });
    if (response.http >= 200 && response.http < 300) return response.text;
    const failure = judgeAnswer(response.http, response.text);
    const pause = Number(response.retryAfter ?? '');
    if (failure.kind === 'busy' && pause > 0) pauses.set(place, now() + Math.min(pause * 1_000, LONGEST_PAUSE_MS));
    throw new CallFailed(failure);
  };
}

interface Prepared {
  readonly type?: string;
  readonly text?: string;
  readonly authorization?: string;
  readonly reason?: string;
}

interface Answer {
  readonly http: number;
  readonly text: string;
  readonly retryAfter: string | null;
}

async function send(
  url: string,
  { type, text, authorization, reason }: Prepared,
  signal: AbortSignal,
): Promise<Answer> {
  const headers = {
    accept: 'application/json',
    ...(type === undefined ? {} : { 'content-type': type }),
    ...(authorization === undefined ? {} : { authorization }),
    ...(reason === undefined ? {} : { 'x-goog-request-reason': reason }),
  };
  try {
    const response = await fetch(url, {
      method: text === undefined ? 'GET' : 'POST',
      headers,
      ...(text === undefined ? {} : { body: text }),
      redirect: 'manual',
      signal,
    });
    return { http: response.status, text: await bounded(response), retryAfter: response.headers.get('retry-after') };
  } catch (thrown) {
    throw thrown instanceof CallFailed ? thrown : new CallFailed(judgeThrown(thrown));
  }
}

async function bounded(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  const body: AsyncIterable<Uint8Array> | null = response.body;
  for await (const part of body ?? []) {
    size += part.length;
    if (size > LONGEST_ANSWER)
      throw new CallFailed({ kind: 'unknown', status: 'answer too long', http: response.status });
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function payload(body: Call['body']): Prepared {
  if (body === undefined) return {};
  if (body.type === 'json') return { type: 'application/json', text: JSON.stringify(body.value) };
  const { fields, subjectToken } = body.value;
  const form = new URLSearchParams({ ...fields, subject_token: subjectToken.expose() });
  return { type: 'application/x-www-form-urlencoded', text: form.toString() };
}

function bearer(token: Secret<string> | null): Prepared {
  return token === null ? {} : { authorization: `Bearer ${token.expose()}` };
}

/** The error for an answer that says yes and cannot be read. */
export function strange(how: string): JitError {
  return new JitError({
    code: 'ERR_CLOUD_UNKNOWN',
    message: `google answered ${how}`,
    hint: 'check the endpoint of the target: Google itself does not answer like this',
  });
}
