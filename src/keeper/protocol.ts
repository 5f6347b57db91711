/**
 * What is said over the keeper's socket: one JSON line there, one back, then the connection ends.
 * The socket is 0600 in a 0700 folder, so whoever speaks is the same user.
 * @module
 */
import { type BrokerRef, parseBrokerUrl } from '../client/ref.ts';
import type { ErrorCode } from '../core/errors.ts';
import type { GrantId } from '../core/ids.ts';
import { type Places, type Tool, TOOLS } from '../profiles/tool.ts';

/** Raised with every change that an older side would misread. The launcher in bin/ repeats it. */
export const PROTOCOL = 1;
/** Bytes of a question, its newline included. */
export const LONGEST_LINE = 131_072;
/** Bytes of one secret in UTF-8. In Base64 it fits into a line with room to spare. */
export const LONGEST_SECRET = 65_536;

export const FORMATS = [...TOOLS, 'json'] as const;
/** A tool: what it reads. `json`: all of it, for people and scripts. */
export type Format = (typeof FORMATS)[number];

export const DELIVERIES = ['process', 'endpoint'] as const;
/** `process`: a tool runs `jit credential`. `endpoint`: an SDK asks the keeper's loopback address. */
export type Delivery = (typeof DELIVERIES)[number];

/** A broker as it is written in a message; the URL as text. */
export type BrokerAddress =
  | { readonly kind: 'embedded'; readonly socket: string }
  | { readonly kind: 'url'; readonly name: string; readonly url: string };

/** A profile that ends with the grant, in the files of its tool. */
export interface HeldProfile {
  readonly tool: Tool;
  readonly name: string;
  readonly places: Places;
}

/** What a person wants to read about a grant; nothing here is secret or decides anything. */
export interface About {
  readonly operation: string;
  readonly resources: readonly string[];
  readonly targets: readonly string[];
  /** The first target's environment, such as `prod`. */
  readonly environment: string;
  readonly sandbox: boolean;
  readonly reason: string;
  /** What its source calls the incident with which it ends, or null. */
  readonly incident: string | null;
  /** The grant's length, which no clock can stretch. */
  readonly seconds: number;
  /** It ends when not used for so long; null: it may rest. */
  readonly idleSeconds: number | null;
}

/** A grant that the keeper shall look after from now on. */
export interface Adoption {
  readonly grant: GrantId;
  readonly broker: BrokerAddress;
  /** One for each target whose tool has profiles; none where the grant is used without. */
  readonly profiles: readonly HeldProfile[];
  readonly delivery: Delivery;
  /** RFC 3339: the grant's end. */
  readonly expiresAt: string;
  /** Of the grant's view that this was made from: what is older than the keeper's own changes nothing. */
  readonly version: number;
  readonly about: About;
}

export type Ask =
  | { readonly op: 'hello' }
  | ({ readonly op: 'adopt' } & Adoption)
  | {
      readonly op: 'credential';
      readonly grant: GrantId;
      readonly target?: string | undefined;
      readonly format: Format;
    }
  | { readonly op: 'list' }
  /** Wipe now and forget: the grant was revoked, or its task is done. */
  | { readonly op: 'release'; readonly grant: GrantId }
  /** The same for every grant. */
  | { readonly op: 'wipe' }
  | { readonly op: 'secret-get'; readonly name: string }
  /** `secret` is Base64 of UTF-8; `until` is epoch ms. Replaces. */
  | { readonly op: 'secret-set'; readonly name: string; readonly secret: string; readonly until: number }
  | { readonly op: 'secret-delete'; readonly name: string }
  /** End the process. Profiles stay: they start a keeper again. */
  | { readonly op: 'stop' };

/**
 * Where an SDK finds the credentials of a grant: behind its address, `/TARGET` for one of several; behind that, `/token` for Google's
 * libraries. The token's file is 0600 and goes with the grant.
 */
export interface Endpoint {
  readonly url: string;
  readonly tokenFile: string;
}

/** A grant in the keeper's hands. */
export interface HeldGrant {
  readonly grant: GrantId;
  /** `wiping`: over, and something of it could not be removed yet; `problem` says what, and it is retried. */
  readonly state: 'live' | 'wiping';
  readonly broker: string;
  /** Names, separated by commas. */
  readonly profile: string | null;
  readonly delivery: Delivery;
  readonly about: About;
  /** RFC 3339. */
  readonly expiresAt: string;
  /** By the stricter of wall clock and boot clock; 0 when over. */
  readonly remainingMs: number;
  /** Seconds that the wall clock has been set forward (or back, if negative) since the grant was adopted. */
  readonly clockDriftSeconds: number;
  /** Credentials handed out by this keeper. */
  readonly uses: number;
  readonly problem: string | null;
}

/** `notAfter` is epoch ms: past it the output must not be used, whatever has happened in between. */
export interface HandedOut {
  readonly output: string;
  readonly notAfter: number;
}

export interface ErrorReply {
  readonly ok: false;
  readonly error: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly hint: string | null;
    /** The shared broker that it is about. */
    readonly broker: string | null;
    readonly exit: number;
  };
}

/** Serialises a BrokerRef for the wire. */
export function addressOf(ref: BrokerRef): BrokerAddress {
  return ref.kind === 'embedded' ? ref : { kind: 'url', name: ref.name, url: ref.url.href };
}

/** The inverse. Throws `ERR_USAGE` for an address that would not be taken from a person either. */
export function refOf(address: BrokerAddress): BrokerRef {
  return address.kind === 'embedded' ? address : parseBrokerUrl(address.url, address.name);
}
