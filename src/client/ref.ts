/**
 * Which broker to talk to, and the rule for addresses that people give.
 * @module
 */
import { display } from '../core/display.ts';
import { JitError } from '../core/errors.ts';

/** The embedded broker behind its Unix socket (or Windows pipe), or a broker at an address. */
export type BrokerRef =
  | { readonly kind: 'embedded'; readonly socket: string }
  /** `name` is what people call it in messages: the configured name, or the address's host. */
  | { readonly kind: 'url'; readonly name: string; readonly url: URL };

/** What the embedded broker is called where each broker needs a name: in settings and in documents. */
export const EMBEDDED = 'embedded';

/** The broker in a document, as it is: its name, or `embedded`. */
export function plainName(
  ref: { readonly kind: 'embedded' } | { readonly kind: 'url'; readonly name: string },
): string {
  return ref.kind === 'embedded' ? EMBEDDED : ref.name;
}

/** What a message calls the broker. Safe to print. */
export function brokerName(ref: BrokerRef): string {
  return ref.kind === 'embedded' ? 'the embedded broker' : display(ref.name, 200);
}

/** What an error says of the broker that it is about: its name, and nothing of the embedded one. Safe to print. */
export function namedIn(ref: BrokerRef): string | undefined {
  return ref.kind === 'embedded' ? undefined : brokerName(ref);
}

/** The broker inside a message whose beginning names it. */
export function theBroker(ref: BrokerRef): 'the embedded broker' | 'the broker' {
  return ref.kind === 'embedded' ? 'the embedded broker' : 'the broker';
}

/** What to type for this broker: its name in the settings, or its address where it has none. Safe to print. */
export function brokerWord(ref: Extract<BrokerRef, { kind: 'url' }>): string {
  return display(ref.name === ref.url.host ? ref.url.href : ref.name, 2_048);
}

/**
 * Reads a broker's address. https only, but plain http on loopback; a path is kept as the base of every call.
 * Throws `ERR_USAGE` for another scheme, for a user name, password, query or fragment inside it, and for what is not a URL:
 * nothing is dropped silently, since a credential in an address would end in shell histories and logs.
 * @param name what people call it; the host when left out.
 */
export function parseBrokerUrl(text: string, name?: string): Extract<BrokerRef, { kind: 'url' }> {
  const url = text.length <= 2_048 ? URL.parse(text) : null;
  if (url === null || url.hostname === '' || !['https:', 'http:'].includes(url.protocol)) {
    throw refusal('that is not the address of a broker');
  }
  if (url.username !== '' || url.password !== '')
    throw refusal("a broker's address holds no user name and no password");
  // An empty query or fragment leaves no trace in `search` and `hash`, so the text itself is looked at.
  if (/[?#]/.test(text)) throw refusal("a broker's address has no query and no fragment");
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    throw refusal('plain http is only for a broker on this machine');
  }
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return { kind: 'url', name: name ?? url.host, url };
}

function refusal(message: string): JitError {
  return new JitError({ code: 'ERR_USAGE', message, hint: 'write it like https://jit.example.com' });
}

// The URL parser has already turned 127.1, 0x7f000001 and the like into four decimal numbers.
function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname);
}
