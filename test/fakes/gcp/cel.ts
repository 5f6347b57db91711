/**
 * The part of CEL that conditions of IAM are made of here, evaluated strictly: whatever else is written is an error.
 * @module
 */

/** What a request is about. */
export interface Request {
  /** Epoch ms. */
  readonly time: number;
  readonly service: string;
  readonly name: string;
  /** What a list of objects begins with; empty for every other request. */
  readonly listPrefix: string;
}

export type Condition = (request: Request) => boolean;

const TOKEN =
  /\s*(?:(\(|\)|&&|\|\||==|<|,)|(request\.time|resource\.name\.startsWith|resource\.name|resource\.service|api\.getAttribute|\.startsWith|timestamp)|"([^"\\\n]*)"|'([^'\\\n]*)')/y;

type Token = { readonly kind: 'mark'; readonly text: string } | { readonly kind: 'text'; readonly text: string };

/** Throws `SyntaxError`. */
export function parseCondition(source: string): Condition {
  const tokens = tokenize(source);
  let at = 0;
  const peek = (): Token | undefined => tokens[at];
  const take = (text: string): void => {
    const token = tokens[at];
    if (token?.kind !== 'mark' || token.text !== text) throw new SyntaxError(`expected ${text} at ${at} in ${source}`);
    at += 1;
  };
  const literal = (): string => {
    const token = tokens[at];
    if (token?.kind !== 'text') throw new SyntaxError(`expected a text at ${at} in ${source}`);
    at += 1;
    return token.text;
  };
  const argument = (): string => {
    take('(');
    const text = literal();
    take(')');
    return text;
  };
  const isNext = (text: string): boolean => {
    const token = peek();
    return token?.kind === 'mark' && token.text === text;
  };

  const comparison = (): Condition => {
    if (isNext('(')) {
      take('(');
      const inner = anyOf();
      take(')');
      return inner;
    }
    if (isNext('request.time')) {
      take('request.time');
      take('<');
      take('timestamp');
      const end = Date.parse(argument());
      if (Number.isNaN(end)) throw new SyntaxError('not a timestamp');
      return ({ time }) => time < end;
    }
    if (isNext('resource.name.startsWith')) {
      take('resource.name.startsWith');
      const start = argument();
      return ({ name }) => name.startsWith(start);
    }
    if (isNext('api.getAttribute')) {
      take('api.getAttribute');
      take('(');
      if (literal() !== 'storage.googleapis.com/objectListPrefix') throw new SyntaxError('an unknown attribute');
      take(',');
      const otherwise = literal();
      take(')');
      take('.startsWith');
      const start = argument();
      return ({ listPrefix }) => (listPrefix === '' ? otherwise : listPrefix).startsWith(start);
    }
    const field = isNext('resource.name') ? 'name' : 'service';
    take(`resource.${field}`);
    take('==');
    const wanted = literal();
    return (request) => request[field] === wanted;
  };
  const allOf = (): Condition => {
    const parts = [comparison()];
    while (isNext('&&')) {
      take('&&');
      parts.push(comparison());
    }
    return (request) => parts.every((part) => part(request));
  };
  const anyOf = (): Condition => {
    const parts = [allOf()];
    while (isNext('||')) {
      take('||');
      parts.push(allOf());
    }
    return (request) => parts.some((part) => part(request));
  };

  const condition = anyOf();
  if (at !== tokens.length) throw new SyntaxError(`something is left at ${at} in ${source}`);
  return condition;
}

/** IAM counts them: at most 12 in one condition. */
export function operatorsIn(source: string): number {
  return tokenize(source).filter(({ kind, text }) => kind === 'mark' && (text === '&&' || text === '||')).length;
}

function tokenize(source: string): readonly Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < source.trimEnd().length) {
    const start = TOKEN.lastIndex;
    const match = TOKEN.exec(source);
    if (match === null) throw new SyntaxError(`not understood: ${source.slice(start, start + 30)}`);
    const [, mark, word, double, single] = match;
    const text = mark ?? word;
    tokens.push(text === undefined ? { kind: 'text', text: double ?? single ?? '' } : { kind: 'mark', text });
  }
  if (tokens.length === 0) throw new SyntaxError('empty');
  return tokens;
}
