/**
 * JSON that is harmless wherever it is printed.
 * @module
 */

const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu;

/** JSON on one line, in which unsafe characters are \u escapes: the same value for programs, harmless on a terminal. */
export function safeJson(value: unknown): string {
  const json = JSON.stringify(value);
  if (/^[\x20-\x7e]*$/.test(json)) return json;
  return json.replace(UNSAFE, (character) =>
    Array.from({ length: character.length }, (_, index) => character.charCodeAt(index))
      .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

/** One document as every command prints it: `{"schema":"jit.<kind>/v1",…}` and a line end. */
export function jsonDocument(kind: string, body: Readonly<Record<string, unknown>>): string {
  return `${safeJson({ schema: `jit.${kind}/v1`, ...body })}\n`;
}
