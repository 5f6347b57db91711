/**
 * The part of the D-Bus wire format that a few questions to the Secret Service need.
 * Source: D-Bus Specification 0.43, "Type System" and "Message Protocol".
 * @module
 */

/** Where a call goes. */
export interface Call {
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
}

/** Values in the order, the padding and the byte order (little endian) in which D-Bus wants them. */
export interface Writer {
  byte(value: number): Writer;
  u32(value: number): Writer;
  /** Also an object path. */
  text(value: string): Writer;
  signature(value: string): Writer;
  /** `ay` */
  bytes(value: Uint8Array): Writer;
  /** An array whose items are structs or dictionary entries. */
  items<T>(values: readonly T[], put: (value: T) => void): Writer;
  done(): Buffer;
}

/** Nothing written yet. */
export function writer(): Writer {
  const out: number[] = [];
  const align = (to: number): void => {
    while (out.length % to !== 0) out.push(0);
  };
  const self: Writer = {
    byte: (value) => {
      out.push(value);
      return self;
    },
    u32: (value) => {
      align(4);
      out.push(...littleEndian(value));
      return self;
    },
    text: (value) => self.bytes(Buffer.from(value, 'utf8')).byte(0),
    signature: (value) => {
      out.push(value.length, ...Buffer.from(value, 'latin1'), 0);
      return self;
    },
    bytes: (value) => {
      self.u32(value.length);
      out.push(...value);
      return self;
    },
    items: (values, put) => {
      self.u32(0);
      const lengthAt = out.length - 4;
      align(8);
      const begin = out.length;
      for (const value of values) {
        align(8);
        put(value);
      }
      out.splice(lengthAt, 4, ...littleEndian(out.length - begin));
      return self;
    },
    done: () => Buffer.from(out),
  };
  return self;
}

function littleEndian(value: number): readonly number[] {
  return [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
}

/** Reads values one after the other. Throws `RangeError` past the end. */
export interface Reader {
  byte(): number;
  u32(): number;
  /** Also an object path. */
  text(): string;
  signature(): string;
  /** `ay` */
  bytes(): Buffer;
  /** `as` or `ao` */
  texts(): readonly string[];
  /** Moves on to a multiple of so many bytes: structs begin at 8. */
  align(to: number): void;
  at(): number;
}

type Order = 'little' | 'big';

function reader(bytes: Buffer, order: Order, begin = 0): Reader {
  let at = begin;
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw new RangeError('a message of D-Bus ends too early');
    at += length;
    return bytes.subarray(at - length, at);
  };
  const self: Reader = {
    byte: () => take(1)[0] ?? 0,
    u32: () => {
      self.align(4);
      return order === 'little' ? take(4).readUInt32LE() : take(4).readUInt32BE();
    },
    text: () => {
      const text = self.bytes().toString('utf8');
      take(1);
      return text;
    },
    signature: () => {
      const text = take(self.byte()).toString('latin1');
      take(1);
      return text;
    },
    bytes: () => take(self.u32()),
    texts: () => {
      const end = self.u32() + at;
      const found: string[] = [];
      while (at < end) found.push(self.text());
      return found;
    },
    align: (to) => {
      take(padding(at, to));
    },
    at: () => at,
  };
  return self;
}

function padding(length: number, to: number): number {
  return (to - (length % to)) % to;
}

const LITTLE = 'l'.charCodeAt(0);
const METHOD_CALL = 1;
const METHOD_RETURN = 2;
const ERROR = 3;
const VERSION = 1;
const FIELDS = { path: 1, interface: 2, member: 3, errorName: 4, answers: 5, destination: 6, types: 8 } as const;
/** Bytes of the part that says how long the rest is. */
const FIXED = 16;
const LONGEST_MESSAGE = 1_048_576;

/** The arguments of a call or an answer, and their types. */
export interface Body {
  readonly types: string;
  readonly bytes: Buffer;
}

/** The bytes of a method call that may start its service. */
export function encodeCall(call: Call, serial: number, body: Body): Buffer {
  const out = writer().byte(LITTLE).byte(METHOD_CALL).byte(0).byte(VERSION).u32(body.bytes.length).u32(serial);
  const fields = [
    { field: FIELDS.path, type: 'o', value: call.path },
    { field: FIELDS.interface, type: 's', value: call.interface },
    { field: FIELDS.member, type: 's', value: call.member },
    { field: FIELDS.destination, type: 's', value: call.destination },
    ...(body.types === '' ? [] : [{ field: FIELDS.types, type: 'g', value: body.types }]),
  ];
  out.items(fields, ({ field, type, value }) => {
    out.byte(field).signature(type);
    if (type === 'g') out.signature(value);
    else out.text(value);
  });
  const head = out.done();
  return Buffer.concat([head, Buffer.alloc(padding(head.length, 8)), body.bytes]);
}

/** A message that came in. */
export interface Message {
  readonly kind: 'return' | 'error' | 'other';
  /** The serial number of the call that it answers; 0 for none. */
  readonly answers: number;
  /** Of an error, such as `org.freedesktop.DBus.Error.ServiceUnknown`. */
  readonly errorName: string;
  /** The types in the body. */
  readonly types: string;
  readonly body: Reader;
}

/**
 * Takes the first whole message off `bytes`, or returns null where more must come first.
 * Throws `RangeError` for what is no message, and for one above 1 MiB.
 */
export function decodeMessage(bytes: Buffer): { readonly message: Message; readonly rest: Buffer } | null {
  if (bytes.length < FIXED) return null;
  const order = bytes[0] === LITTLE ? 'little' : 'big';
  const fixed = reader(bytes, order, 4);
  const bodyLength = fixed.u32();
  fixed.u32();
  const fieldsEnd = FIXED + fixed.u32();
  const bodyAt = fieldsEnd + padding(fieldsEnd, 8);
  const end = bodyAt + bodyLength;
  if (bytes[3] !== VERSION || end > LONGEST_MESSAGE) throw new RangeError('not a message of D-Bus');
  if (bytes.length < end) return null;
  const fields = readFields(reader(bytes.subarray(0, fieldsEnd), order, FIXED), fieldsEnd);
  const message: Message = {
    kind: bytes[1] === METHOD_RETURN ? 'return' : bytes[1] === ERROR ? 'error' : 'other',
    answers: Number(fields.get(FIELDS.answers) ?? 0),
    errorName: String(fields.get(FIELDS.errorName) ?? ''),
    types: String(fields.get(FIELDS.types) ?? ''),
    body: reader(bytes.subarray(bodyAt, end), order),
  };
  return { message, rest: bytes.subarray(end) };
}

function readFields(from: Reader, end: number): ReadonlyMap<number, string | number> {
  const fields = new Map<number, string | number>();
  while (from.at() < end) {
    from.align(8);
    const field = from.byte();
    const type = from.signature();
    if (type === 'u') fields.set(field, from.u32());
    else if (type === 'g') fields.set(field, from.signature());
    else if (type === 's' || type === 'o') fields.set(field, from.text());
    else throw new RangeError('a field of an unknown type');
  }
  return fields;
}
