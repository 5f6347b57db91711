/**
 * Notices for tests, and texts that want to be more than text.
 * @module
 */
import * as fc from 'fast-check';
import { grantId, requestId } from '../../src/core/ids.ts';
import { type Notice, noticeId, type NoticeKind, type NoticedRequest } from '../../src/core/notice.ts';

export const START = 1_800_000_000_000;

export const REQUEST = requestId(Buffer.alloc(16, 7));

export function sampleNotice(
  kind: NoticeKind = 'approval-needed',
  over: Partial<NoticedRequest> = {},
  more: Partial<Notice> = {},
): Notice {
  const request: NoticedRequest = {
    id: REQUEST,
    hash: 'ab'.repeat(32),
    policy: 'p1',
    requester: { kind: 'user', issuer: 'https://id.example', subject: 'ada', name: 'Ada Lovelace', actsFor: null },
    permissions: [
      {
        target: 'prod',
        environment: 'production',
        operation: 'deploy-web',
        actions: ['s3:GetObject', 's3:PutObject'],
        resources: ['arn:aws:s3:::web/*'],
      },
    ],
    seconds: 1_800,
    reason: 'roll out the new page',
    ticket: 'OPS-12',
    incident: null,
    tier: 'manual',
    risk: 'medium',
    access: 'write',
    quorum: [{ group: 'sre-leads', approvers: 2 }],
    deadline: START + 3_600_000,
    ...over,
  };
  const groups = request.quorum.flatMap(({ group }) => group ?? []);
  const approvers = groups.length < request.quorum.length ? null : groups;
  const url = `https://jit.example/requests/${request.id}`;
  const decided = kind === 'approval-needed' ? { why: '', by: [] } : { why: 'approved by Grace', by: ['Grace'] };
  return {
    id: noticeId(request.id, kind, 1),
    kind,
    at: START,
    request,
    grant: null,
    approvers,
    ...decided,
    url,
    ...more,
  };
}

/** Every place of a notice that holds words of somebody else. */
export function noticeOf(text: string): Notice {
  const permission = { target: text, environment: text, operation: text, actions: [text], resources: [text, text] };
  const requester = {
    kind: 'agent' as const,
    issuer: 'https://id.example',
    subject: 'bot',
    name: text,
    actsFor: { issuer: 'https://id.example', subject: 'ada', name: text },
  };
  const over = {
    requester,
    permissions: [permission],
    reason: text,
    ticket: text,
    incident: { source: text, reference: text },
    quorum: [{ group: text, approvers: 1 }],
  };
  return sampleNotice('denied', over, { why: text, by: [text] });
}

/** Emergency access as it is told; before anything was given where `grant` is null. */
export function glassNotice(
  kind: 'break-glass' | 'incident-closing' | 'review-open' = 'break-glass',
  more: Partial<Notice> = {},
): Notice {
  const over = { tier: 'break-glass', incident: { source: 'pager', reference: 'INC-7' }, quorum: [] } as const;
  const grant = { id: grantId(Buffer.alloc(16, 8)), expiresAt: START + 90_000, reason: null };
  return sampleNotice(kind, over, { grant, by: [], approvers: ['sre-leads'], ...more });
}

/** What has made a link, a mention, a heading or a field of its own somewhere. */
export const TRICKS = [
  '<!channel>',
  '<!here|x>',
  '<!subteam^S0123ABCD>',
  '<@U0123ABCD>',
  '@here',
  '@channel @everyone',
  '<https://evil.example|Approve>',
  '<http://evil.example/?a=b&c=d>',
  'https://evil.example/approve',
  'HTTP://EVIL.EXAMPLE',
  'www.evil.example',
  'evil.com',
  'evil\u3002com',
  'evil\uff0ecom evil\uff61com',
  'xn--80ak6aa92e.com',
  'пример.рф',
  'mailto:boss@evil.example',
  'tel:+4912345',
  'slack://user?team=T1',
  'javascript:alert(1)',
  'file:///etc/passwd',
  '\\\\evil\\share',
  '[approve](https://evil.example)',
  '**bold** _it_ `code` # head',
  '![](https://evil.example/x.png)',
  '<at>Everyone</at>',
  '<b>bold</b><script>alert(1)</script>',
  '&lt;!channel&gt;',
  '{{DATE(2017-02-14T06:08:39Z, SHORT)}}',
  '${secret}',
  ':rotating_light:',
  'x\nwho: the boss',
  'x\r\nBcc: everybody@evil.example\r\n\r\nhello',
  'x\u2028who: the boss',
  'x\u0085y\u000by',
  '\u202egnp.exe',
  'evil\u200b.com',
  '\u0000\u001b[31mred\u001b]8;;https://evil.example\u0007x',
  '\ud800 alone',
  '=?utf-8?q?=0d=0aBcc:_x?=',
  '.\r\nQUIT\r\n',
  '%0d%0aBcc: x',
  '"><img src=x onerror=alert(1)>',
];

/** Tricks in any company. */
export const hostile: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      fc.constantFrom(...TRICKS),
      fc.string({ unit: 'binary', maxLength: 30 }),
      fc.constantFrom(' ', '', '/', '.', ':'),
    ),
    {
      minLength: 1,
      maxLength: 6,
    },
  )
  .map((parts) => parts.join(''))
  .filter((text) => text !== '');

/** What programs that show text make links of by themselves: a scheme, or names with dots of which the last is letters. */
export const LINK =
  /[a-z][a-z0-9+.-]*:\/|(?:mailto|tel|sms|javascript|data):|www\.|[\p{L}\p{N}_-][.\u3002\uff0e\uff61]\p{L}[\p{L}\p{N}-]|\\\\/iu;

/** What can move, hide or break a line. */
export const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;
