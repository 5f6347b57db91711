/**
 * One HTTP call to a broker, over https or a Unix socket. The broker is not trusted to answer at all, quickly or sensibly.
 * @module
 */
import { randomInt } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { display } from '../core/display.ts';
import { asJitError, JitError } from '../core/errors.ts';
import type { Authorizer } from './authorizer.ts';
import { type Exchange, exchange, type Wire } from './exchange.ts';
import { type BrokerRef, theBroker } from './ref.ts';

/** What to send. */
export interface Call {
  readonly method: 'GET' | 'POST';
  /** Relative to the broker's address, without a leading slash. */
  readonly path: string;
  readonly body?: unknown;
  /** Idempotency-Key. */
  readonly key?: string;
  /** A POST that may be sent twice although it carries no key. */
  readonly safe?: 'repeat';
  /** How long the broker was asked to hold the call; added to the deadline. */
  readonly waitSeconds?: number;
  /** Answered to anybody: nothing is sent that says who calls. */
  readonly access?: 'open';
}

/** `body` is parsed JSON of unknown shape, or null where the broker sent none. */
export interface Reply {
  readonly status: number;
  readonly body: unknown;
}

export interface Transport {
  /** Throws `ERR_BROKER_UNREACHABLE` or `ERR_BROKER_REPLY`; the client says of which broker. A status is not an error here. */
  send(call: Call): Promise<Reply>;
  /** `ERR_BROKER_REPLY`. */
  badReply(what: string): JitError;
  close(): void;
}

export interface TransportOptions {
  readonly userAgent: string;
  readonly signal?: AbortSignal | undefined;
  /** Without one, nothing but the connection says who calls. */
  readonly authorizer?: Authorizer | undefined;
}

/** Time for one call, repetitions included, on top of what it asked the broker to wait and of what the authorizer takes. */
export const DEADLINE_MS = 30_000;
/** Bytes of a reply's body. */
export const LONGEST_REPLY = 1_048_576;
/** Characters of one field of a problem. */
const LONGEST_TEXT = 4_096;
const ATTEMPTS = 3;
/** A session may lack a nonce, then a token, then a word of the identity provider, and another one where the answer got lost. */
const MENDINGS = 4;

/**
 * A call that never reached the broker is repeated, and one whose connection broke midway only if repeating it is
 * harmless: a GET, a POST with an Idempotency-Key, or one marked so. At most three attempts within the one deadline.
 * Redirects are answers, not followed: nothing is sent to a host that the user did not name.
 * A refusal with status 401 is shown to the authorizer, at most four times, and the call repeated if it could mend that:
 * whatever was refused so has not been done.
 */
export function openTransport(ref: BrokerRef, options: TransportOptions): Transport {
  const name = theBroker(ref);
  const wire: Wire = { ref, agent: undefined };
  const badReply = (what: string): JitError =>
    new JitError({
      code: 'ERR_BROKER_REPLY',
      message: `${name} gave an answer that cannot be used: ${what}`,
      hint: 'check the address of the broker and that it is as new as this jit',
    });

  async function send(call: Call): Promise<Reply> {
    const authorizer = call.access === 'open' ? undefined : options.authorizer;
    let more: Headers = {};
    for (let mended = 0; ; mended += 1) {
      const { reply, headers, sent } = await once(call, authorizer, more);
      const nonce = headers['dpop-nonce'];
      const given = typeof nonce === 'string' ? nonce : null;
      if (reply.status !== 401 || authorizer === undefined || mended >= MENDINGS) {
        if (given !== null) options.authorizer?.seen(given);
        if (reply.status < 300) authorizer?.done?.(sent);
        return reply;
      }
      const date = Date.parse(headers.date ?? '');
      const verdict = await authorizer.refused({
        code: textOf(reply.body, 'code'),
        title: textOf(reply.body, 'title'),
        hint: textOf(reply.body, 'hint'),
        nonce: given,
        date: Number.isNaN(date) ? null : date,
        sent,
      });
      if (verdict === 'no use') return reply;
      more = verdict === 'again' ? {} : verdict.with;
    }
  }

  async function once(call: Call, authorizer: Authorizer | undefined, more: Headers): Promise<Answered> {
    const limitMs = DEADLINE_MS + (call.waitSeconds ?? 0) * 1_000;
    const proofs = async (): Promise<Headers> => (await authorizer?.headers(call.method, urlOf(ref, call.path))) ?? {};
    refuseInterrupted(options.signal);
    // Before the clock starts: it may take a renewal, which has time limits of its own.
    let sent = { ...(await proofs()), ...more };
    const deadline = AbortSignal.timeout(limitMs);
    const signal = options.signal === undefined ? deadline : AbortSignal.any([deadline, options.signal]);
    for (let attempt = 1; ; attempt += 1) {
      refuseInterrupted(options.signal);
      const { userAgent } = options;
      const result = await exchange(wire, { ...call, headers: sent, userAgent, limit: LONGEST_REPLY, signal });
      refuseInterrupted(options.signal);
      if (result.kind === 'reply') {
        return { reply: { status: result.status, body: parse(result, badReply) }, headers: result.headers, sent };
      }
      if (result.kind === 'unusable') throw badReply(result.what);
      if (deadline.aborted) throw unreachable(name, `it did not answer within ${Math.round(limitMs / 1_000)}s`, ref);
      const repeatable = result.phase === 'connect' ? !result.final : repeats(call);
      if (attempt >= ATTEMPTS || !repeatable) throw unreachable(name, result.what, ref, result.cause);
      // The embedded broker is started anew by others meanwhile; a far one may be behind a balancer that is switching. An
      // interruption only cuts the pause short: it is looked at when the next attempt begins.
      await sleep(randomInt(50, 150) * attempt * attempt, undefined, { signal }).catch(() => undefined);
      // A proof counts once, whether or not the attempt got through; what else was sent is used up only if it did.
      sent = { ...(await proofs()), ...(result.phase === 'connect' ? more : {}) };
    }
  }

  return { send, badReply, close: () => wire.agent?.destroy() };
}

type Headers = Readonly<Record<string, string>>;

interface Answered {
  readonly reply: Reply;
  readonly headers: IncomingHttpHeaders;
  /** What the authorizer gave. */
  readonly sent: Headers;
}

function urlOf(ref: BrokerRef, path: string): URL {
  return ref.kind === 'embedded' ? new URL(`http://localhost/${path}`) : new URL(`${ref.url.href}${path}`);
}

function textOf(problem: unknown, key: 'code' | 'title' | 'hint'): string | null {
  if (typeof problem !== 'object' || problem === null) return null;
  // Safe: only a text is taken out, whatever the object is.
  const value = (problem as Readonly<Record<string, unknown>>)[key];
  return typeof value === 'string' && value.length <= LONGEST_TEXT ? value : null;
}

function repeats(call: Call): boolean {
  return call.method === 'GET' || call.key !== undefined || call.safe === 'repeat';
}

function refuseInterrupted(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return;
  const error = asJitError(signal.reason);
  throw error.code === 'ERR_UNEXPECTED' ? new JitError({ code: 'ERR_INTERRUPTED', message: 'interrupted' }) : error;
}

function unreachable(name: string, what: string, ref: BrokerRef, cause?: unknown): JitError {
  return new JitError({
    code: 'ERR_BROKER_UNREACHABLE',
    message: `cannot reach ${name}: ${what}`,
    hint: hintFor(ref, what),
    cause,
  });
}

function hintFor(ref: BrokerRef, what: string): string {
  if (ref.kind === 'embedded') return 'it is started by any command that needs it: try again';
  if (what.startsWith('tls:'))
    return 'if its certificate comes from your own authority, name that in NODE_EXTRA_CA_CERTS';
  return `check your network and the address ${display(ref.url.origin, 200)}`;
}

function parse(result: Extract<Exchange, { kind: 'reply' }>, badReply: (what: string) => JitError): unknown {
  const { status, headers, body } = result;
  if (status >= 300 && status < 400) {
    throw badReply(`it redirects (status ${status}), and redirects are not followed`);
  }
  if (body.length === 0) return null;
  const type = (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (type !== 'application/json' && type !== 'application/problem+json') {
    throw badReply(`status ${status} with content of type ${display(type === '' ? 'none' : type, 80)}`);
  }
  if ((headers['content-encoding'] ?? 'identity') !== 'identity') throw badReply('compressed content');
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as unknown;
  } catch (thrown) {
    throw new JitError({ ...partsOf(badReply(`status ${status} with content that is not JSON`)), cause: thrown });
  }
}

function partsOf(error: JitError): { code: JitError['code']; message: string; hint: string | undefined } {
  return { code: error.code, message: error.message, hint: error.hint };
}
