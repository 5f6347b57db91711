/**
 * As much of the wire format of Protocol Buffers as two small messages need: https://protobuf.dev/programming-guides/encoding/
 * @module
 */

/** One field as it lies in a message. `value` is the whole of it, without a length before it. */
export interface Field {
  readonly number: number;
  readonly type: WireType;
  readonly value: Uint8Array;
}

/** Groups, which no message of proto3 has, are the two that are missing. */
export type WireType = 'varint' | 'fixed64' | 'length-delimited' | 'fixed32';

/** A field of the type string. @param number 1 to 15. @param text without lone surrogates. */
export function encodeText(number: number, text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  return Buffer.concat([Buffer.from([number * 8 + LENGTH_DELIMITED, ...encodeVarint(bytes.length)]), bytes]);
}

/**
 * The fields of a message in their order, known or not, without a copy of their values; null for bytes that are no message.
 * A length is believed only as far as there are bytes, and nothing is followed into a field, so time and memory are bounded by
 * the bytes.
 */
export function readFields(message: Uint8Array): readonly Field[] | null {
  const fields: Field[] = [];
  for (let at = 0; at < message.length;) {
    const tag = readVarint(message, at);
    if (tag === null || tag.value > LARGEST_TAG) return null;
    const number = Math.floor(tag.value / 8);
    const span = number === 0 ? null : readSpan(message, tag.end, tag.value % 8);
    if (span === null || span.end > message.length) return null;
    fields.push({ number, type: span.type, value: message.subarray(span.start, span.end) });
    at = span.end;
  }
  return fields;
}

/** The text in a field of the type string; null where it has another type or is not UTF-8. */
export function readText({ type, value }: Field): string | null {
  if (type !== 'length-delimited') return null;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value);
  } catch {
    return null;
  }
}

const LENGTH_DELIMITED = 2;
/** 29 bits of number and 3 of type. */
const LARGEST_TAG = 0xffff_ffff;
const LONGEST_VARINT = 10;

interface Span {
  readonly type: WireType;
  readonly start: number;
  /** May lie beyond the message. */
  readonly end: number;
}

function readSpan(message: Uint8Array, at: number, type: number): Span | null {
  switch (type) {
    case 0: {
      const end = readVarint(message, at)?.end;
      return end === undefined ? null : { type: 'varint', start: at, end };
    }
    case 1:
      return { type: 'fixed64', start: at, end: at + 8 };
    case LENGTH_DELIMITED: {
      const length = readVarint(message, at);
      return length && { type: 'length-delimited', start: length.end, end: length.end + length.value };
    }
    case 5:
      return { type: 'fixed32', start: at, end: at + 4 };
    default:
      return null;
  }
}

/** At most 64 bits. Above 2^53 the value is rounded, which is still more than anything that it is compared with. */
function readVarint(message: Uint8Array, at: number): { readonly value: number; readonly end: number } | null {
  let value = 0;
  for (let count = 0; count < LONGEST_VARINT; count += 1) {
    const byte = message[at + count];
    if (byte === undefined) return null;
    // Nine bytes have held 63 bits.
    if (count === LONGEST_VARINT - 1 && byte > 1) return null;
    value += (byte & 0x7f) * 2 ** (7 * count);
    if (byte < 0x80) return { value, end: at + count + 1 };
  }
  return null;
}

function encodeVarint(value: number): readonly number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return [...bytes, rest];
}
