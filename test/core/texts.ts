/**
 * Random text for hostile input.
 * @module
 */
import * as fc from 'fast-check';

/** Any code points at all, lone surrogates and plain ASCII among them. */
export const anyText: fc.Arbitrary<string> = fc
  .array(fc.oneof(fc.nat(0x10_ff_ff), fc.nat(0x7f)), { maxLength: 60 })
  .map((points) => String.fromCodePoint(...points));
