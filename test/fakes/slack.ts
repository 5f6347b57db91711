/**
 * Slack as an app meets it, over real HTTP: the Web API as documented (https://docs.slack.dev/reference/methods), with tokens,
 * channels, rate limits and errors, and the signed calls that Slack makes when somebody clicks.
 * @module
 */
import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SlackPost {
  readonly method: string;
  readonly channel: string;
  readonly ts: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface FakeSlack {
  /** For the configuration. */
  readonly api: string;
  readonly token: string;
  readonly signingSecret: string;
  /** Every call that was carried out, in order. */
  readonly posts: SlackPost[];
  /** What a channel shows now, by `ts`. */
  readonly shown: Map<string, SlackPost>;
  /** Bodies of all calls, carried out or not. */
  readonly seen: string[];
  /** The next calls are answered so, one each: a status with headers, an error of Slack's, or no answer at all. */
  readonly next: ({ status: number; headers?: Record<string, string> } | { error: string } | 'hang')[];
  readonly channels: Set<string>;
  /** How long each call takes, in ms. */
  delayMs: number;
  end(): Promise<void>;
}

const METHODS = new Set(['chat.postMessage', 'chat.update', 'chat.postEphemeral']);

export async function startSlack(port = 0): Promise<FakeSlack> {
  const token = 'xoxb-canary-token-0123456789';
  const posts: SlackPost[] = [];
  const shown = new Map<string, SlackPost>();
  const seen: string[] = [];
  const next: FakeSlack['next'] = [];
  const channels = new Set(['C0000001', 'U0000001']);
  let count = 0;

  /** @returns the members of the answer. */
  function carryOut(
    method: string,
    authorization: string | undefined,
    body: Readonly<Record<string, unknown>>,
  ): object {
    const no = (error: string): object => ({ ok: false, error });
    if (!METHODS.has(method)) return no('unknown_method');
    if (authorization !== `Bearer ${token}`) return no(authorization === undefined ? 'not_authed' : 'invalid_auth');
    const channel = String(body['channel']);
    if (!channels.has(channel)) return no('channel_not_found');
    const problem = blocksProblem(body['blocks']);
    if (problem !== null) return no(problem);
    if (typeof body['text'] !== 'string') return no('no_text');
    const old = String(body['ts']);
    if (method === 'chat.update' && !shown.has(old)) return no('message_not_found');
    const ts = method === 'chat.update' ? old : `1800000000.${String(++count).padStart(6, '0')}`;
    const post = { method, channel, ts, body };
    posts.push(post);
    if (method !== 'chat.postEphemeral') shown.set(ts, post);
    return method === 'chat.postEphemeral' ? { ok: true, message_ts: ts } : { ok: true, channel, ts };
  }

  const server = createServer((request, response) => {
    void (async () => {
      const text = await textOf(request);
      seen.push(text);
      await new Promise((resolve) => setTimeout(resolve, slack.delayMs));
      const order = next.shift();
      if (order === 'hang') return;
      const json = (body: object, status = 200, headers = {}): void => {
        response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
      };
      if (order !== undefined && 'status' in order)
        return json({ ok: false, error: 'ratelimited' }, order.status, order.headers);
      if (order !== undefined) return json({ ok: false, error: order.error });
      const method = (request.url ?? '').replace('/api/', '');
      // Safe: a body of another shape is refused member by member.
      const body = JSON.parse(text) as Readonly<Record<string, unknown>>;
      return json(carryOut(method, request.headers.authorization, body));
    })();
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  // Safe: a listening TCP server has an address of this form.
  const address = server.address() as AddressInfo;
  const slack: FakeSlack = {
    api: `http://127.0.0.1:${address.port}/api`,
    token,
    signingSecret: 'canary-signing-secret-8f742231b10e',
    posts,
    shown,
    seen,
    next,
    channels,
    delayMs: 0,
    end: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return slack;
}

/** The limits of the block reference. */
function blocksProblem(blocks: unknown): string | null {
  if (!Array.isArray(blocks) || blocks.length === 0 || blocks.length > 50) return 'invalid_blocks';
  const text = JSON.stringify(blocks);
  // Safe: JSON that was made on the line before; each text object is looked at for itself.
  const bad = (JSON.parse(text, (_key, value: unknown) => (isBadText(value) ? 'bad!' : value)) as unknown[]).filter(
    (each) => JSON.stringify(each).includes('"bad!"'),
  );
  return bad.length > 0 ? 'invalid_blocks' : null;
}

function isBadText(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('type' in value) || !('text' in value)) return false;
  const { type, text } = value;
  if (type !== 'plain_text' && type !== 'mrkdwn') return false;
  return typeof text !== 'string' || text === '' || text.length > 3_000;
}

async function textOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  // Safe: without an encoding a request consists of buffers.
  for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts).toString('utf8');
}

/** The headers that Slack sends with a body. @param at epoch ms. */
export function slackHeaders(secret: string, body: string | Uint8Array, at: number): Record<string, string> {
  const timestamp = String(Math.floor(at / 1_000));
  const mac = createHmac('sha256', secret).update(`v0:${timestamp}:`).update(body).digest('hex');
  return {
    'content-type': 'application/x-www-form-urlencoded',
    'x-slack-request-timestamp': timestamp,
    'x-slack-signature': `v0=${mac}`,
  };
}

export interface ClickOn {
  readonly post: SlackPost;
  readonly action: 'jit_approve' | 'jit_deny' | 'jit_open';
  readonly user: string;
  /** The workspace of the user, and that of the app where it is another. */
  readonly team: string;
  readonly appTeam?: string;
}

/** The body of the call that Slack makes when somebody clicks on a button of a message, with all that it carries. */
export function clickBody({ post, action, user, team, appTeam = team }: ClickOn, over: object = {}): string {
  // Safe: the messages of this app have a list of blocks.
  const blocks = post.body['blocks'] as { type: string; elements?: { action_id?: string; value?: string }[] }[];
  const button = blocks.flatMap(({ elements = [] }) => elements).find(({ action_id: id }) => id === action);
  const payload = {
    type: 'block_actions',
    user: { id: user, username: 'grace', name: 'grace', team_id: team },
    api_app_id: 'A0123ABCD',
    token: 'legacy-token',
    container: { type: 'message', message_ts: post.ts, channel_id: post.channel, is_ephemeral: false },
    trigger_id: '1.2.abc',
    team: { id: appTeam, domain: 'example' },
    enterprise: null,
    is_enterprise_install: false,
    channel: { id: post.channel, name: 'approvals' },
    message: { type: 'message', ts: post.ts, ...post.body },
    state: { values: {} },
    response_url: 'https://attacker.example/response',
    actions: [
      {
        action_id: action,
        block_id: 'b1',
        text: { type: 'plain_text', text: 'Approve' },
        ...(button?.value === undefined ? {} : { value: button.value }),
        type: 'button',
        action_ts: '1800000001.000000',
      },
    ],
    ...over,
  };
  return new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
}
