/**
 * The part of Systems Manager that ends people's shells, in memory: active sessions by owner, in pages, and their termination.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { JsonAnswer } from '../aws-json.ts';

/** What it can be told to do. */
export interface SsmMood {
  describe: 'allowed' | 'denied' | 'busy';
  terminate: 'allowed' | 'denied';
  /** A session that is told to end is still listed, as `Terminating`, until `settle`. */
  ends: 'at once' | 'later';
  /** Whether the list keeps to the filter. */
  filter: 'kept' | 'ignored';
}

interface Shell {
  readonly id: string;
  readonly owner: string;
  status: 'Connected' | 'Terminating';
}

export interface FakeSsm {
  readonly mood: SsmMood;
  /** Calls in order, such as `TerminateSession ann-0123`. */
  readonly calls: string[];
  /** Somebody opens a shell. @returns its id. */
  open(owner: string): string;
  /** Owners of the shells that are open. */
  owners(): readonly string[];
  /** Ends those that were told to. */
  settle(): void;
  /** Null for what is none of its actions. @param target the header `x-amz-target`. */
  answer(target: string, body: unknown): JsonAnswer | null;
}

const PREFIX = 'AmazonSSM.';
const DESCRIBE = z.object({
  State: z.literal('Active'),
  Filters: z.array(z.object({ key: z.literal('Owner'), value: z.string().min(1).max(400) })).optional(),
  MaxResults: z.int().min(1).max(200).optional(),
  NextToken: z.string().optional(),
});
const TERMINATE = z.object({ SessionId: z.string().min(1).max(96) });

const denied = (action: string): JsonAnswer => ({
  status: 400,
  body: { __type: 'AccessDeniedException', Message: `User: x is not authorized to perform: ssm:${action}` },
});
const invalid: JsonAnswer = { status: 400, body: { __type: 'ValidationException', message: 'x' } };

export function fakeSsm(): FakeSsm {
  const mood: SsmMood = { describe: 'allowed', terminate: 'allowed', ends: 'at once', filter: 'kept' };
  const shells = new Map<string, Shell>();
  const calls: string[] = [];

  const describe = (body: unknown): JsonAnswer => {
    const asked = DESCRIBE.safeParse(body);
    if (!asked.success) return invalid;
    const { Filters = [], MaxResults = 50, NextToken = '0' } = asked.data;
    const owner = Filters[0]?.value;
    const matching = [...shells.values()].filter(
      (shell) => owner === undefined || mood.filter === 'ignored' || shell.owner === owner,
    );
    const from = Number(NextToken);
    const page = matching.slice(from, from + MaxResults);
    const rest = from + MaxResults < matching.length;
    return {
      status: 200,
      body: {
        Sessions: page.map(({ id, owner: Owner, status }) => ({ SessionId: id, Owner, Status: status, Target: 'i-1' })),
        ...(rest ? { NextToken: String(from + MaxResults) } : {}),
      },
    };
  };

  const terminate = (body: unknown): JsonAnswer => {
    const asked = TERMINATE.safeParse(body);
    if (!asked.success) return invalid;
    const shell = shells.get(asked.data.SessionId);
    if (shell !== undefined && mood.ends === 'later') shell.status = 'Terminating';
    else shells.delete(asked.data.SessionId);
    return { status: 200, body: { SessionId: asked.data.SessionId } };
  };

  return {
    mood,
    calls,
    open: (owner) => {
      const id = `${owner.split('/').at(-1) ?? ''}-${randomBytes(8).toString('hex')}`;
      shells.set(id, { id, owner, status: 'Connected' });
      return id;
    },
    owners: () => [...shells.values()].map(({ owner }) => owner),
    settle: () => {
      for (const { id, status } of shells.values()) if (status === 'Terminating') shells.delete(id);
    },
    answer: (target, body) => {
      if (!target.startsWith(PREFIX)) return null;
      const action = target.slice(PREFIX.length);
      const about = TERMINATE.safeParse(body);
      calls.push(about.success ? `${action} ${about.data.SessionId}` : action);
      switch (action) {
        case 'DescribeSessions':
          if (mood.describe === 'busy') return { status: 400, body: { __type: 'ThrottlingException', message: 'x' } };
          return mood.describe === 'denied' ? denied(action) : describe(body);
        case 'TerminateSession':
          return mood.terminate === 'denied' ? denied(action) : terminate(body);
        default:
          return null;
      }
    },
  };
}
