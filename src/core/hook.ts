/**
 * Calls that other services make to the broker, signed in ways of their own over the bytes that they sent.
 * @module
 */

export interface HookCall {
  /** One header by its lower-case name, or null. */
  readonly header: (name: string) => string | null;
  /** The body, byte for byte. */
  readonly body: Uint8Array;
}

/**
 * Takes one call. It believes nothing that it has not verified. Throws `ERR_NOT_SIGNED_IN` where the signature is missing, wrong,
 * too old or used before, and `ERR_BODY` for what the service does not send.
 */
export type Hook = (call: HookCall) => Promise<void>;
