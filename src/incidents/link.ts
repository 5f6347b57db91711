/**
 * Links to a source's own pages.
 * @module
 */

/** As it came if it is an https URL that can be shown, else null. */
export function httpsOrNull(text: string | null | undefined): string | null {
  if (typeof text !== 'string' || !/^https:\/\/[\x21-\x7e]{1,2000}$/.test(text) || !URL.canParse(text)) return null;
  const { username, password } = new URL(text);
  return username === '' && password === '' ? text : null;
}
