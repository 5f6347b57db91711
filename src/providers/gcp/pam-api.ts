/**
 * Privileged Access Manager, as its API speaks: entitlements, and the grants that are made of them.
 * Source: Privileged Access Manager API v1, REST reference and googleapis/google/cloud/privilegedaccessmanager/v1.
 * @module
 */
import { z } from 'zod';
import type { Secret } from '../../core/secret.ts';
import type { Caller } from './calls.ts';
import { strange } from './calls.ts';
import type { SignIn } from './login.ts';
import { readJustification } from './names.ts';
import type { Justified } from './names.ts';
import type { Reach } from './target.ts';

/** What an entitlement gives, and where. */
export interface Given {
  readonly resource: string;
  readonly roles: readonly { readonly role: string; readonly conditionExpression?: string | undefined }[];
}

export interface Entitlement {
  readonly available: boolean;
  /** Whether somebody at Google has to agree first. */
  readonly approval: 'needed' | 'not needed';
  readonly longestSeconds: number;
  readonly given: Given;
}

export interface PamGrant {
  readonly name: string;
  readonly state: string;
  readonly requester: string;
  /** Epoch ms: when it ends by itself. */
  readonly endsAt: number;
  readonly given: Given | null;
  /** Null where jit did not make it. */
  readonly mark: Justified | null;
}

/** Opening one. */
export interface Opening {
  readonly entitlement: string;
  readonly seconds: number;
  readonly justification: string;
  readonly requestId: string;
  /** Of whoever asks, and gets the roles. */
  readonly token: Secret<string>;
}

const DURATION = z
  .string()
  .regex(/^\d{1,12}(?:\.\d{1,9})?s$/)
  .transform((text) => Number(text.slice(0, -1)));
const TIME = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));
const ACCESS = z
  .object({
    gcpIamAccess: z.object({
      resource: z.string(),
      roleBindings: z.array(z.object({ role: z.string(), conditionExpression: z.string().optional() })),
    }),
  })
  .transform(({ gcpIamAccess: { resource, roleBindings: roles } }): Given => ({ resource, roles }));
const ENTITLEMENT = z
  .object({
    name: z.string(),
    state: z.string(),
    maxRequestDuration: DURATION,
    privilegedAccess: ACCESS,
    // Whatever is in it: only where there is none, nobody has to agree.
    approvalWorkflow: z.unknown().optional(),
  })
  .transform(({ state, maxRequestDuration, privilegedAccess, approvalWorkflow }): Entitlement => ({
    available: state === 'AVAILABLE',
    approval: approvalWorkflow === undefined ? 'not needed' : 'needed',
    longestSeconds: maxRequestDuration,
    given: privilegedAccess,
  }));
const GRANT = z
  .object({
    name: z
      .string()
      .regex(
        /^projects\/[a-z0-9-]{1,40}\/locations\/global\/entitlements\/[a-z0-9-]{1,63}\/grants\/[A-Za-z0-9-]{1,100}$/,
      ),
    state: z.string().regex(/^[A-Z_]{1,40}$/),
    requester: z.string().default(''),
    createTime: TIME,
    requestedDuration: DURATION,
    justification: z.object({ unstructuredJustification: z.string().default('') }).optional(),
    privilegedAccess: ACCESS.optional(),
    auditTrail: z.object({ accessGrantTime: TIME.optional() }).optional(),
  })
  .transform((read): PamGrant => ({
    name: read.name,
    state: read.state,
    requester: read.requester,
    endsAt: (read.auditTrail?.accessGrantTime ?? read.createTime) + read.requestedDuration * 1_000,
    given: read.privilegedAccess ?? null,
    mark: readJustification(read.justification?.unstructuredJustification ?? ''),
  }));
const PAGE = z.object({
  grants: z.array(GRANT).default([]),
  nextPageToken: z.string().default(''),
  unreachable: z.array(z.string()).default([]),
});

/** Terminal states give nothing and never will. */
const OVER: ReadonlySet<string> = new Set(['DENIED', 'ACTIVATION_FAILED', 'EXPIRED', 'REVOKED', 'ENDED', 'WITHDRAWN']);
const PAGE_SIZE = 100;
/** As many pages as fit the time of a call; grants older than a month are not kept by Google. */
const MOST_PAGES = 50;

export function isOver({ state }: PamGrant): boolean {
  return OVER.has(state);
}

export interface PamApi {
  entitlement(reach: Reach, name: string, signal: AbortSignal): Promise<Entitlement>;
  /** All of an entitlement. Its filters are not used: what they miss would be left open. */
  grants(reach: Reach, entitlement: string, signal: AbortSignal): Promise<readonly PamGrant[]>;
  grant(reach: Reach, name: string, signal: AbortSignal): Promise<PamGrant>;
  create(reach: Reach, opening: Opening, signal: AbortSignal): Promise<PamGrant>;
  /** Comes back when Google has taken the request, which it carries out by and by. */
  revoke(reach: Reach, name: string, signal: AbortSignal): Promise<void>;
}

/** Throws `CallFailed` where a call fails, and `ERR_CLOUD_UNKNOWN` where its answer cannot be read. */
export function pamApi({ call, signIn }: { readonly call: Caller; readonly signIn: SignIn }): PamApi {
  const api = 'privilegedaccessmanager';

  const read = async (reach: Reach, path: string, signal: AbortSignal): Promise<unknown> => {
    const token = await signIn(reach, signal);
    return asJson(await call({ api, endpoint: reach.endpoint, path: `/v1/${path}`, token, again: 'once' }, signal));
  };

  return {
    entitlement: async (reach, name, signal) =>
      fitting(ENTITLEMENT, await read(reach, name, signal), 'without an entitlement'),
    grants: async (reach, entitlement, signal) => {
      const found: PamGrant[] = [];
      let next = '';
      for (let page = 0; page < MOST_PAGES; page++) {
        const query = `pageSize=${PAGE_SIZE}${next === '' ? '' : `&pageToken=${encodeURIComponent(next)}`}`;
        const answer = fitting(PAGE, await read(reach, `${entitlement}/grants?${query}`, signal), 'without grants');
        if (answer.unreachable.length > 0) throw strange('with a part of the grants only');
        found.push(...answer.grants);
        next = answer.nextPageToken;
        if (next === '') return found;
      }
      throw strange('with more grants than can be read');
    },
    grant: async (reach, name, signal) => fitting(GRANT, await read(reach, name, signal), 'without a grant'),
    create: async ({ endpoint }, { entitlement, seconds, justification, requestId, token }, signal) => {
      const value = {
        requestedDuration: `${seconds}s`,
        justification: { unstructuredJustification: justification },
      };
      const path = `/v1/${entitlement}/grants?requestId=${requestId}`;
      const body = { type: 'json', value } as const;
      // By its id Google knows a request that it has carried out already.
      const text = await call({ api, endpoint, path, body, token, again: 'once' }, signal);
      return fitting(GRANT, asJson(text), 'without the grant that it made');
    },
    revoke: async (reach, name, signal) => {
      const token = await signIn(reach, signal);
      const body = { type: 'json', value: { reason: 'ended by jit' } } as const;
      const path = `/v1/${name}:revoke`;
      await call({ api, endpoint: reach.endpoint, path, body, token, again: 'once' }, signal);
    },
  };
}

function fitting<T>(schema: z.ZodType<T>, value: unknown, how: string): T {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw strange(how);
  return parsed.data;
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
