/**
 * Words that look like others: letters of several alphabets in one word, or a whole word of lookalikes among Latin ones
 * (Unicode Technical Standard 39, sections 4 and 5.2, as far as people who read Latin are fooled).
 * @module
 */

const ALPHABETS = [
  'Latin',
  'Cyrillic',
  'Greek',
  'Armenian',
  'Cherokee',
  'Coptic',
  'Georgian',
  'Hebrew',
  'Arabic',
] as const;
const LETTERS = ALPHABETS.map((name) => [name, new RegExp(`\\p{Script=${name}}`, 'u')] as const);
/** Letters that most fonts draw like Latin ones (https://www.unicode.org/Public/security/latest/confusables.txt). */
const LOOKALIKES = /^[аеорсухіјѕһԁԛԝʏАВЕКМНОРСТУХІЈЅԌԚԜαικνορυχγΑΒΕΖΗΙΚΜΝΟΡΤΥΧօսհոցզ]+$/u;

/**
 * Mathematical and full-width letters are Latin by their script and odd by their form.
 * @returns for each doubtful word what is doubtful about it, in words; none for an ordinary text of any language.
 */
export function doubtfulWords(text: string): readonly string[] {
  const words = [...new Set(text.match(/[\p{L}\p{M}\p{N}]+/gu) ?? [])];
  const latin = words.some((word) => /^[A-Za-z]{2,}$/.test(word));
  return words.flatMap((word) => {
    const mixed = LETTERS.filter(([, letter]) => letter.test(word)).map(([name]) => name);
    if (mixed.length > 1) return [`“${word}” mixes ${mixed.join(' and ')} letters`];
    if (word.normalize('NFKC') !== word.normalize('NFC') && /[A-Za-z]/.test(word.normalize('NFKC'))) {
      return [`“${word}” has letters in an unusual form`];
    }
    const [only] = mixed;
    if (latin && only !== undefined && only !== 'Latin' && LOOKALIKES.test(word)) {
      return [`“${word}” is in ${only} letters that look like Latin ones`];
    }
    return [];
  });
}
