/**
 * A notice as a plain letter, and to whom it goes.
 * @module
 */
import { audienceOf, type Notice } from '../../core/notice.ts';
import { samePrincipal } from '../../core/principal.ts';
import { type Fact, isLoud, subjectOf, wordsOf } from '../words.ts';

/** Every address comes from the configuration, and none from a token or a request. */
export interface Addresses {
  readonly from: string;
  /** Told everything. */
  readonly to: readonly string[];
  /** By group. */
  readonly approvers: Readonly<Record<string, readonly string[]>>;
  readonly people: readonly { readonly issuer: string; readonly subject: string; readonly address: string }[];
}

export interface Letter {
  readonly from: string;
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  readonly urgent: boolean;
  /** The same for one notice, so that a mailbox can tell a letter that came twice. Without angle brackets. */
  readonly messageId: string;
  /** The same for one request, so that its letters lie together. */
  readonly thread: string;
}

const WIDTH = 72;

/** @returns null where nobody is to be told. */
export function letterOf(notice: Notice, addresses: Addresses): Letter | null {
  const to = [...new Set([...addresses.to, ...concerned(notice, addresses)])];
  if (to.length === 0) return null;
  const { from } = addresses;
  const domain = from.slice(from.lastIndexOf('@') + 1);
  return {
    from,
    to,
    subject: subjectOf(notice),
    text: textOf(notice),
    urgent: isLoud(notice),
    messageId: `${notice.id}@${domain}`,
    thread: `${notice.request.id}@${domain}`,
  };
}

function concerned(notice: Notice, { approvers, people }: Addresses): readonly string[] {
  const { requester } = notice.request;
  switch (audienceOf(notice.kind)) {
    case 'approvers': {
      const everybody = Object.values(approvers).flat();
      const some = notice.approvers?.flatMap((group) =>
        Object.hasOwn(approvers, group) ? (approvers[group] ?? []) : [],
      );
      // Better too many than nobody.
      return some === undefined || (some.length === 0 && isLoud(notice)) ? everybody : some;
    }
    case 'requester': {
      const { issuer, subject } = requester.actsFor ?? requester;
      return people.filter((person) => samePrincipal({ issuer, subject }, key(person))).map(({ address }) => address);
    }
    case 'operators':
      return [];
  }
}

const key = ({ issuer, subject }: Addresses['people'][number]) => ({ issuer, subject });

function textOf(notice: Notice): string {
  const { headline, facts } = wordsOf(notice);
  const link = notice.url === null ? [] : ['', 'Open it at the broker:', notice.url];
  return [headline, '', ...facts.flatMap(paragraph), ...link, ''].join('\n');
}

/** Each line of a value begins with a bar: however it is wrapped, it cannot look like a field of its own. */
function paragraph({ label, value }: Fact): readonly string[] {
  return [`${label}:`, ...wrapped(value).map((line) => `  | ${line}`)];
}

function wrapped(text: string): readonly string[] {
  const characters = Array.from(text);
  const lines: string[] = [];
  while (characters.length > WIDTH) {
    const space = characters.lastIndexOf(' ', WIDTH);
    lines.push(
      characters
        .splice(0, space > 0 ? space + 1 : WIDTH)
        .join('')
        .trimEnd(),
    );
  }
  return [...lines, characters.join('')];
}
