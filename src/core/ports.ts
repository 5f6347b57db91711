/**
 * What the domain needs from the world: clouds, a store, a clock, randomness. Implemented outside, joined in `bin/jit-broker`.
 * @module
 */
import type { Assessed, Plan, RevocationClass } from './access.ts';
import type { Canonical } from './canonical.ts';
import type { Credential, ToolSettings } from './credential.ts';
import type { GrantId } from './ids.ts';
import type { Principal } from './principal.ts';
import type { Permission } from './request.ts';
import type { Secret } from './secret.ts';

/** Epoch milliseconds. */
export type Clock = () => number;

/** @returns that many bytes from a cryptographic source. */
export type Random = (bytes: number) => Uint8Array;

/** A configured place that can issue. What else it holds is its provider's own business. */
export interface Target {
  readonly name: string;
  readonly provider: string;
  /** Free words that policy can use, such as `prod`. */
  readonly environment: string;
  readonly sandbox: boolean;
  /** The operator's own words about it that policy can use, such as `sensitive`. Left out: none. */
  readonly tags?: readonly string[];
  readonly tool: ToolSettings;
}

/** What a provider is asked to issue. */
export interface Order {
  readonly grant: GrantId;
  readonly principal: Principal;
  readonly permissions: readonly Permission[];
  /** Epoch ms: the absolute end that the cloud itself must enforce. */
  readonly endsAt: number;
}

/** Everything needed to find and kill what was issued, made before the cloud is called and stored with the intent. */
export interface Intent {
  readonly handle: string;
  /** What it will be called at the target, such as a session or a role, for people who look for it there. */
  readonly name: string;
  readonly revocation: RevocationClass;
  /** Epoch ms: the latest moment at which anything issued under this intent could still be accepted by the cloud. */
  readonly notAfter: number;
}

export interface Issued {
  readonly credential: Credential;
  /** The narrowed permission in the provider's own language, exactly as the cloud was given it. */
  readonly granted: string;
  /** Epoch ms at which the credential itself stops, at or after the order's `endsAt`, or before it for long grants. */
  readonly notAfter: number;
}

/** A leg as revocation sees it. */
export interface Mark {
  readonly grant: GrantId;
  readonly target: string;
  readonly handle: string;
  readonly endsAt: number | null;
  readonly notAfter: number;
}

export type Revocation =
  /**
   * Verified dead. `tidyAt`: when what was left at the target can be removed, or null when nothing was. `proof`: how it was
   * verified, in a few words of jit's own.
   */
  | { readonly kind: 'gone'; readonly tidyAt: number | null; readonly proof: string }
  /** Taken by the cloud; ask again at `checkAt`, epoch ms. */
  | { readonly kind: 'pending'; readonly checkAt: number };

/**
 * Every leg of this provider's kind that ended early and that the cloud might still accept. Read it under the provider's
 * own lock: what is written at the target is rebuilt from it and never from what is found there.
 */
export type RevokedMarks = () => Promise<readonly Mark[]>;

/** Something with jit's mark at a target, whoever's store it is in. */
export interface Leftover {
  readonly grant: GrantId;
  readonly handle: string;
  /** What it is called there. */
  readonly name: string;
  /** Epoch ms: when it ends by itself. */
  readonly notAfter: number;
}

/**
 * One cloud. `issue` fails with `ERR_CLOUD` when surely nothing was issued, `ERR_CLOUD_BUSY` when surely nothing was issued
 * and a retry may help, and with anything else (`ERR_CLOUD_UNKNOWN`) when the outcome is unknown.
 */
export interface Provider<T extends Target = Target> {
  readonly kind: string;
  /** Throws `ERR_CONFIG` naming the field that is wrong. */
  parseTarget(name: string, config: unknown): T;
  /** Validates actions and resources and puts them into the provider's own spelling. Throws `ERR_OPERATION` (with a did-you-mean) or `ERR_RESOURCE`. */
  assess(target: T, permission: Permission): Promise<Assessed>;
  /** Throws `ERR_PERMISSION_SIZE` where the narrowed permission would not fit: it is never widened to make it fit. */
  plan(target: T, permissions: readonly Permission[], seconds: number): Promise<Plan>;
  /** Pure: makes the deterministic name under which the order will exist. */
  intend(target: T, order: Order): Intent;
  /** Asked again for the same grant it gives another credential of the same name, and moves the end to the order's. */
  issue(target: T, order: Order, signal: AbortSignal): Promise<Issued>;
  /** Idempotent; what is already gone is success. Needs no configured target. */
  revoke(mark: Mark, revoked: RevokedMarks, signal: AbortSignal): Promise<Revocation>;
  /** Removes what revocations left behind that is no longer needed. Idempotent. */
  tidy(mark: Mark, revoked: RevokedMarks, signal: AbortSignal): Promise<void>;
  /**
   * All that carries the mark of this very broker at the target, so that what no store knows any more can be revoked. Never
   * what somebody else made. Empty where the cloud keeps nothing that could be listed.
   */
  list(target: T, signal: AbortSignal): Promise<readonly Leftover[]>;
}

/** Signs short-lived tokens as the broker's own OpenID Connect issuer, which clouds are told to trust. */
export interface TokenSigner {
  /** Exact `iss`, an https URL (or the sandbox's stand-in). */
  readonly issuer: string;
  /** Adds `iss`, `iat`, `nbf` (a minute back, for clocks that differ), `exp` and `jti`. Signs with ES256, or with RS256 where the operator says so. @param seconds life of the token. */
  sign(claims: Readonly<Record<string, Canonical>>, seconds: number): Promise<Secret<string>>;
}
