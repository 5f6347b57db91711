/**
 * How a call proves who makes it. Implemented in src/identity; the embedded broker needs none, since its socket proves it.
 * @module
 */

/** What a broker said with status 401. */
export interface Refusal {
  /** The `code` of the problem, or null where it was none. */
  readonly code: string | null;
  /** Its `title` and `hint`, each null where there was none. */
  readonly title: string | null;
  readonly hint: string | null;
  /** The value of `DPoP-Nonce`, RFC 9449 section 8, on this or any other answer. */
  readonly nonce: string | null;
  /** When it was said, by the broker's clock (`Date`): epoch ms, or null. */
  readonly date: number | null;
  /** What `headers` gave for the call that was refused: another call may have renewed the session meanwhile. */
  readonly sent: Readonly<Record<string, string>>;
}

/** `with`: headers for the one call that repeats the refused one, beside new ones of `headers`. */
export type Verdict = 'again' | 'no use' | { readonly with: Readonly<Record<string, string>> };

export interface Authorizer {
  /**
   * The headers that prove it for this one call, `authorization` and `dpop`.
   * @param url as called, query included.
   * Throws `ERR_NOT_SIGNED_IN` with the command that signs in, `ERR_KEYCHAIN`, `ERR_IDENTITY_PROVIDER`, `ERR_BROKER_UNREACHABLE`.
   */
  headers(method: 'GET' | 'POST', url: URL): Promise<Readonly<Record<string, string>>>;
  /** Told of a 401. @returns whether the same call may now succeed; throws as `headers` does. */
  refused(refusal: Refusal): Promise<Verdict>;
  /** Told of the nonce on any other answer. */
  seen(nonce: string): void;
  /** Told of a call that was done, with what `headers` and `refused` gave for it. */
  done?(sent: Readonly<Record<string, string>>): void;
}
