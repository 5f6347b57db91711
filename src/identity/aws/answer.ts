/**
 * What STS says about a caller, read by a grammar that knows one kind of document.
 * @module
 */
import type { Reply } from './ask.ts';
import type { Partition } from './place.ts';

/** A role or a user, as AWS knows it. */
export interface Caller {
  readonly partition: Partition;
  /** 12 digits. */
  readonly account: string;
  readonly kind: 'role' | 'user';
  /** The unique id, `AROA…` or `AIDA…`: never used again, also not for one of the same name. Source: IAM user guide, "IAM identifiers". */
  readonly id: string;
  /** Without a path. */
  readonly name: string;
  /** The caller's own choice, so it says nothing about who it is; null for a user. */
  readonly session: string | null;
}

/** `no`: AWS does not believe the proof. `unclear`: this was no answer of STS, or not now. The reasons are for the log. */
export type Verdict =
  | { readonly kind: 'vouched'; readonly caller: Caller }
  | { readonly kind: 'no' | 'unclear'; readonly reason: string };

/** Only status 200, `text/xml`, and exactly the document of GetCallerIdentity vouch for anybody. */
export function readReply({ status, type, body }: Reply): Verdict {
  const text = textOf(body);
  if (status >= 400 && status < 500) return refusal(status, text ?? '');
  if (status !== 200) return { kind: 'unclear', reason: `HTTP status ${status}` };
  if (!/^text\/xml(?:; ?charset=utf-8)?$/i.test(type)) return { kind: 'unclear', reason: 'the answer is not text/xml' };
  const fields = text === null ? null : readFields(text);
  if (fields === null) return { kind: 'unclear', reason: 'the answer is not that of GetCallerIdentity' };
  const caller = readCaller(fields);
  return caller === null
    ? { kind: 'no', reason: 'neither a session of a role nor a user' }
    : { kind: 'vouched', caller };
}

// Source: STS API reference, "Common errors"; throttling has come with status 400 and with others.
const NOT_NOW = /Throttl|TooManyRequests|RequestLimitExceeded|Unavailable|InternalFailure|RequestTimeout/;

function refusal(status: number, text: string): Verdict {
  const code = /<Code>([A-Za-z.]{1,80})<\/Code>/.exec(text)?.[1] ?? '';
  const reason = `aws sts said no: HTTP status ${status} ${code}`.trimEnd();
  return { kind: status === 408 || status === 429 || NOT_NOW.test(code) ? 'unclear' : 'no', reason };
}

function textOf(body: Buffer): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    return null;
  }
}

const SPACE = '[ \\t\\r\\n]*';
// No attribute but the namespace, no comment, no CDATA, no document type: nothing in which text could hide or be made.
const DOCUMENT = new RegExp(
  [
    '^(?:<\\?xml version="1\\.0"(?: encoding="[Uu][Tt][Ff]-8")?\\?>)?',
    '<GetCallerIdentityResponse xmlns="https://sts\\.amazonaws\\.com/doc/2011-06-15/">',
    '<GetCallerIdentityResult>((?:[^<]|<(?!/?GetCallerIdentity|/?ResponseMetadata))*)</GetCallerIdentityResult>',
    '(?:<ResponseMetadata>',
    '<RequestId>[\\w-]{1,128}</RequestId>',
    '</ResponseMetadata>)?',
    '</GetCallerIdentityResponse>',
    '$',
  ].join(SPACE),
);
const FIELD = /[ \t\r\n]*<([A-Za-z]{1,64})>([^<>]{0,4096})<\/\1>[ \t\r\n]*/y;

type Fields = ReadonlyMap<string, string>;

/** The fields of the result, each there once. One that AWS may add is no harm, as long as it is text. */
function readFields(text: string): Fields | null {
  const result = DOCUMENT.exec(text)?.[1];
  if (result === undefined) return null;
  const fields = new Map<string, string>();
  FIELD.lastIndex = 0;
  for (let at = 0; at < result.length; at = FIELD.lastIndex) {
    const [, name, escaped] = FIELD.exec(result) ?? [];
    const value = escaped === undefined ? null : unescape(escaped);
    if (name === undefined || value === null || fields.has(name)) return null;
    fields.set(name, value);
  }
  return ['Arn', 'UserId', 'Account'].every((name) => fields.has(name)) ? fields : null;
}

const ENTITIES: ReadonlyMap<string, string> = new Map([
  ['&amp;', '&'],
  ['&lt;', '<'],
  ['&gt;', '>'],
  ['&quot;', '"'],
  ['&apos;', "'"],
]);

/** The five entities that XML itself has, and no others. */
function unescape(text: string): string | null {
  if (/&(?!(?:amp|lt|gt|quot|apos);)/.test(text)) return null;
  return text.replaceAll(/&[a-z]+;/g, (entity) => ENTITIES.get(entity) ?? '');
}

const SESSION = /^arn:(aws|aws-cn|aws-us-gov):sts::(\d{12}):assumed-role\/([\w+=,.@-]{1,64})\/([\w+=,.@-]{1,64})$/;
const USER = /^arn:(aws|aws-cn|aws-us-gov):iam::(\d{12}):user\/(?:[\x21-\x7e]{1,512}\/)?([\w+=,.@-]{1,64})$/;
const ROLE_ID = /^(AROA[A-Z0-9]{12,124}):([\w+=,.@-]{1,64})$/;
const USER_ID = /^AIDA[A-Z0-9]{12,124}$/;

/**
 * Null for the account's root, whose user id is the account, for federated users, who have no unique id, and for an
 * answer whose parts contradict each other. Source: IAM user guide, "IAM JSON policy elements: Variables", the table of
 * principal keys, which says what UserId is for each kind of caller.
 */
function readCaller(fields: Fields): Caller | null {
  const [arn, userId, account] = ['Arn', 'UserId', 'Account'].map((name) => fields.get(name) ?? '');
  const [, partition, arnAccount, name, session] = SESSION.exec(arn ?? '') ?? USER.exec(arn ?? '') ?? [];
  if (account !== arnAccount || account === undefined || name === undefined || userId === undefined) return null;
  // The patterns hold these three words only.
  const about = { partition: partition as Partition, account, name };
  if (session === undefined) {
    return USER_ID.test(userId) ? { ...about, kind: 'user', id: userId, session: null } : null;
  }
  const [, id, idSession] = ROLE_ID.exec(userId) ?? [];
  return id !== undefined && idSession === session ? { ...about, kind: 'role', id, session } : null;
}
