/**
 * Mail to a real SMTP server, with STARTTLS, implicit TLS and without.
 * @module
 */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { SMTPServer } from 'smtp-server';
import type { Delivery, Notice } from '../../src/core/notice.ts';
import { Secret } from '../../src/core/secret.ts';
import { type EmailSettings, emailNotifier, type MailServer } from '../../src/notify/email/notifier.ts';
import { makeCertificate } from '../support/certificate.ts';
import { glassNotice, noticeOf, REQUEST, sampleNotice, TRICKS } from './samples.ts';

interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  readonly login: string | undefined;
  readonly isSecure: boolean;
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly text: string;
}

let folder = '';
let tls = { cert: '', key: '' };
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'jit-mail-'));
  const made = await makeCertificate(folder, 'localhost');
  tls = { cert: await readFile(made.cert, 'utf8'), key: await readFile(made.key, 'utf8') };
});
after(async () => rm(folder, { recursive: true }));

const PASSWORD = 'canary-password';

interface Setup {
  readonly mode: MailServer['tls'];
  /** What the server says to the recipient, where that is not yes. */
  readonly answer?: { code: number; text: string };
  readonly settings?: Partial<EmailSettings>;
  readonly server?: Partial<MailServer>;
  /** The server offers no STARTTLS. */
  readonly plain?: true;
}

async function withMail(
  { mode, answer, settings, server: over, plain }: Setup,
  body: (tell: (notice: Notice) => Promise<Delivery>, mails: Mail[]) => Promise<void>,
): Promise<void> {
  const mails: Mail[] = [];
  const server = new SMTPServer({
    ...tls,
    secure: mode === 'implicit',
    disabledCommands: plain === true ? ['STARTTLS'] : [],
    closeTimeout: 200,
    authOptional: true,
    allowInsecureAuth: true,
    onAuth: ({ username, password }, _session, done) => {
      if (username === 'jit' && password === PASSWORD) done(null, { user: username });
      else done(new Error('no'));
    },
    onRcptTo: (_address, _session, done) => {
      if (answer === undefined) done();
      else done(Object.assign(new Error(answer.text), { responseCode: answer.code }));
    },
    onData: (stream, session, done) => {
      const parts: Buffer[] = [];
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          login: typeof session.user === 'string' ? session.user : undefined,
          isSecure: session.secure,
          ...parsed(Buffer.concat(parts).toString('utf8')),
        });
        done();
      });
    },
  });
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const address = server.server.address();
  assert.ok(address !== null && typeof address === 'object');
  const notifier = emailNotifier({
    name: 'mail',
    from: 'jit@example.com',
    to: ['ops@example.com'],
    approvers: {},
    people: [],
    ...settings,
    server: { host: '127.0.0.1', port: address.port, tls: mode, ca: tls.cert, login: null, ...over },
  });
  try {
    await body(async (notice) => notifier.deliver(notice, null, AbortSignal.timeout(5_000)), mails);
  } finally {
    await new Promise<void>((resolve) => {
      server.close(resolve);
    });
  }
}

/** Headers unfolded, and the text as it is read. */
function parsed(raw: string): Pick<Mail, 'headers' | 'text'> {
  const [head = '', ...rest] = raw.split('\r\n\r\n');
  const headers = new Map<string, string[]>();
  for (const line of head.replaceAll(/\r\n[ \t]/g, ' ').split('\r\n')) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    headers.set(name, [...(headers.get(name) ?? []), line.slice(colon + 1).trim()]);
  }
  const body = rest.join('\r\n\r\n').replaceAll('\r\n', '\n');
  const encoding = headers.get('content-transfer-encoding')?.[0];
  if (encoding === 'base64') return { headers, text: Buffer.from(body, 'base64').toString('utf8') };
  if (encoding !== 'quoted-printable') return { headers, text: body };
  const bytes = body
    .replaceAll('=\n', '')
    .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16)));
  return { headers, text: Buffer.from(bytes, 'latin1').toString('utf8') };
}

test('a letter is plain text, goes through TLS, and names its request', async () => {
  for (const mode of ['starttls', 'implicit'] as const) {
    await withMail(
      { mode, server: { login: { user: 'jit', password: new Secret(PASSWORD) } } },
      async (tell, mails) => {
        assert.deepEqual(await tell(sampleNotice()), { kind: 'delivered', receipt: null });
        const [mail] = mails;
        assert.ok(mail !== undefined);
        assert.deepEqual(
          [mail.from, mail.to, mail.login, mail.isSecure],
          ['jit@example.com', ['ops@example.com'], 'jit', true],
        );
        const one = (name: string): string | undefined => mail.headers.get(name)?.join('|');
        assert.equal(one('subject'), 'access request: approval needed: Ada Lovelace for deploy-web in production');
        assert.match(one('content-type') ?? '', /^text\/plain/);
        assert.equal(one('auto-submitted'), 'auto-generated');
        assert.equal(one('message-id'), `<${REQUEST}_approval-needed_1@example.com>`);
        assert.equal(one('references'), `<${REQUEST}@example.com>`);
        assert.match(mail.text, /^why:\n {2}\| roll out the new page$/m);
        assert.match(mail.text, /^https:\/\/jit\.example\/requests\/req_/m);
        assert.doesNotMatch(JSON.stringify(mail), /canary/);
      },
    );
  }
});

test('without TLS nothing is sent, unless it is this host and configured so', async () => {
  await withMail({ mode: 'starttls', plain: true }, async (tell, mails) => {
    assert.equal((await tell(sampleNotice())).kind, 'later');
    assert.deepEqual(mails, []);
  });
  await withMail({ mode: 'none', plain: true }, async (tell, mails) => {
    assert.equal((await tell(sampleNotice())).kind, 'delivered');
    assert.equal(mails[0]?.isSecure, false);
  });
});

test('a mail server whose certificate nobody vouches for gets nothing, and no password', async () => {
  for (const mode of ['starttls', 'implicit'] as const) {
    const login = { user: 'jit', password: new Secret(PASSWORD) };
    await withMail({ mode, server: { ca: null, login } }, async (tell, mails) => {
      assert.equal((await tell(sampleNotice())).kind, 'later');
      assert.deepEqual(mails, []);
    });
  }
});

test('addresses come from the configuration: of groups that may decide, of the requester, and nobody else', async () => {
  const settings = {
    to: [],
    approvers: { 'sre-leads': ['lead@example.com', 'second@example.com'], dba: ['dba@example.com'] },
    people: [
      { issuer: 'https://id.example', subject: 'ada', address: 'ada@example.com' },
      { issuer: 'https://other.example', subject: 'ada', address: 'other-ada@example.com' },
    ],
  };
  await withMail({ mode: 'none', settings }, async (tell, mails) => {
    const last = (): readonly string[] => mails.at(-1)?.to ?? [];
    await tell(sampleNotice());
    assert.deepEqual(last(), ['lead@example.com', 'second@example.com']);
    await tell(sampleNotice('approval-needed', { quorum: [{ group: null, approvers: 1 }] }));
    assert.deepEqual(last(), ['lead@example.com', 'second@example.com', 'dba@example.com']);
    await tell(sampleNotice('denied'));
    assert.deepEqual(last(), ['ada@example.com']);
    const { requester } = sampleNotice().request;
    await tell(
      sampleNotice('denied', { requester: { ...requester, kind: 'agent', subject: 'bot', actsFor: requester } }),
    );
    assert.deepEqual(last(), ['ada@example.com']);
    const count = mails.length;
    for (const group of ['__proto__', 'constructor', 'others']) {
      assert.equal(
        (await tell(sampleNotice('approval-needed', { quorum: [{ group, approvers: 1 }] }))).kind,
        'delivered',
      );
    }
    assert.equal((await tell(sampleNotice('stuck'))).kind, 'delivered');
    assert.equal(mails.length, count);
  });
});

test('emergency access goes to those who would have approved, marked as urgent; to all of them rather than to nobody', async () => {
  const settings = { to: [], approvers: { 'sre-leads': ['lead@example.com'], dba: ['dba@example.com'] } };
  await withMail({ mode: 'none', settings }, async (tell, mails) => {
    await tell(glassNotice());
    const [first] = mails;
    assert.deepEqual(first?.to, ['lead@example.com']);
    assert.match(first.headers.get('subject')?.join('') ?? '', /^BREAK-GLASS: emergency access WITHOUT APPROVAL: Ada/);
    assert.deepEqual(first.headers.get('x-priority'), ['1 (Highest)']);
    assert.match(first.text, /INC-7 \(pager\)/);
    for (const approvers of [null, [], ['others']]) {
      await tell(glassNotice('break-glass', { approvers }));
      assert.deepEqual(mails.at(-1)?.to, ['lead@example.com', 'dba@example.com'], String(approvers));
    }
    await tell(glassNotice('review-open'));
    assert.deepEqual(mails.at(-1)?.to, ['lead@example.com']);
    assert.equal(mails.at(-1)?.headers.has('x-priority'), false);
    const count = mails.length;
    await tell(glassNotice('review-open', { approvers: ['others'] }));
    assert.equal(mails.length, count);
  });
});

test('no text of somebody else makes a header, a recipient or a second letter', async () => {
  await withMail({ mode: 'none' }, async (tell, mails) => {
    await tell(noticeOf('x'));
    const names = [...(mails[0]?.headers.keys() ?? [])].toSorted();
    for (const [at, trick] of TRICKS.entries()) {
      assert.equal((await tell(noticeOf(trick))).kind, 'delivered', trick);
      const mail = mails.at(-1);
      assert.equal(mails.length, at + 2, trick);
      assert.deepEqual(mail?.to, ['ops@example.com']);
      assert.deepEqual([...mail.headers.keys()].toSorted(), names, trick);
      assert.ok(
        [...mail.headers.values()].every((values) => values.length === 1),
        trick,
      );
    }
  });
});

test('a refusal for good is final, one for now is tried again, and nothing of what the server says is repeated', async () => {
  const text = 'canary said the server';
  await withMail({ mode: 'none', answer: { code: 550, text } }, async (tell) => {
    assert.deepEqual(await tell(sampleNotice()), {
      kind: 'refused',
      problem: 'the mail server answered 550 (EENVELOPE)',
    });
  });
  await withMail({ mode: 'none', answer: { code: 451, text } }, async (tell) => {
    assert.deepEqual(await tell(sampleNotice()), {
      kind: 'later',
      afterMs: null,
      problem: 'the mail server answered 451 (EENVELOPE)',
    });
  });
  const login = { user: 'jit', password: new Secret('canary-wrong') };
  await withMail({ mode: 'implicit', server: { login } }, async (tell) => {
    const told = await tell(sampleNotice());
    assert.equal(told.kind, 'later');
    assert.doesNotMatch(JSON.stringify(told), /canary/);
  });
  await withMail({ mode: 'none', server: { port: 1 } }, async (tell) => {
    assert.deepEqual(await tell(sampleNotice()), {
      kind: 'later',
      afterMs: null,
      problem: 'the mail server was not reached (ESOCKET)',
    });
  });
});
