/**
 * Incidents of a program of the operator's own. Where it can be asked, its calls are a reason to ask and no more; where it cannot,
 * its signed reports are all there is, and the latest one counts.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import type { Incident, OpenSource } from '../../core/incident.ts';
import type { IncidentReport, IncidentReports } from '../../core/incident-report.ts';
import { jsonProblem } from '../../core/json.ts';
import type { Secret } from '../../core/secret.ts';
import type { Reach } from '../../outbound/address.ts';
import { current } from '../../outbound/rotating.ts';
import { SIGNED_FOR_MS, verifySigned } from '../../outbound/standard-webhooks.ts';
import { makeAsk, type ServiceParts } from '../ask.ts';
import { makeOnce } from '../once.ts';
import { untrusted } from '../untrusted.ts';
import { incidentOf, type Report, REPORT_ID, reportForm, stateOf } from './form.ts';

export interface WebhookParts extends Omit<ServiceParts<Uint8Array>, 'api' | 'reach' | 'token'> {
  /** Where the same can be asked for, or null. `before` and `after`: the address up to the id, and behind it. */
  readonly lookup: {
    readonly before: string;
    readonly after: string;
    readonly reach: Reach;
    readonly token: Secret<string>;
  } | null;
  readonly store: IncidentReports;
}

const LIMITS = { depth: 8, members: 5_000 };
/** By how much the clock of whoever reports may be ahead: from further ahead, one report would silence all that follow. */
const AHEAD_MS = 300_000;
/** What is told later than this may have been true once: it is a reason to look, and says nothing by itself. */
const FRESH_MS = 300_000;
const MOST = 200;
const AT_ONCE = 8;

/** A call without a signature that is in use, out of form, from the future, or at odds with what was said of the same moment is refused. */
export function openWebhookSource(parts: WebhookParts): OpenSource {
  const { name, store, signingSecrets, now, lookup } = parts;
  const look = lookup === null ? fromStore(parts) : fromService(parts, lookup);
  const calls = makeOnce(now, SIGNED_FOR_MS);
  const events = makeOnce(now, SIGNED_FOR_MS);

  return {
    source: { name, ...look },
    hook: (heard) => async (call) => {
      const { id: event } = verifySigned(call, current(signingSecrets, now()), now());
      await calls(event, async () => {
        const report = readReport(call.body);
        if (report.updated_at > now() + AHEAD_MS) throw bad('updated_at is in the future');
        const outcome = await store.putReport(rowOf(name, report), now());
        if (lookup === null && outcome === 'older') return;
        if (lookup === null && outcome === 'other') throw bad('it was reported otherwise for the same updated_at');
        const late = outcome === 'older' || report.updated_at < now() - FRESH_MS;
        const says = stateOf(report) === 'closed' && !late ? 'closed' : 'changed';
        // Where the report is the truth, the same one under another name is no other event.
        const named = lookup === null ? `${report.id}@${report.updated_at}` : event;
        await events(named, async () => heard(name, [{ event: named, id: report.id, says }]));
      });
    },
    stop: () => undefined,
  };
}

type Looks = Omit<OpenSource['source'], 'name'>;

function fromStore({ name, store, ...facts }: WebhookParts): Looks {
  const read = (stored: IncidentReport | null): Incident | null => {
    if (stored === null) return null;
    const report = reportForm.safeParse(JSON.parse(stored.report));
    if (!report.success) throw untrusted(name, 'what is remembered of them is not in their form');
    return incidentOf(report.data, { source: name, ...facts });
  };
  return {
    find: async (text) => read((await store.report(name, text)) ?? (await store.reportNamed(name, text))),
    look: async (id) => read(await store.report(name, id)),
    open: async () => (await store.openReports(name, MOST)).flatMap((each) => read(each) ?? []),
  };
}

function fromService(parts: WebhookParts, lookup: NonNullable<WebhookParts['lookup']>): Looks {
  const { name, store, now } = parts;
  const { before, after, reach, token } = lookup;
  const ask = makeAsk({ ...parts, api: before, reach, token }, { prefix: 'Bearer ', accept: 'application/json' });
  const answer = async (text: string, signal: AbortSignal): Promise<Report | null> =>
    REPORT_ID.test(text) ? ask(`${encodeURIComponent(text)}${after}`, reportForm, signal) : null;

  const find: Looks['find'] = async (text, signal) => {
    const report = await answer(text, signal);
    if (report === null) return null;
    if (report.id !== text && report.reference !== text) throw untrusted(name, 'it answered about another one');
    // Only so that `open` knows what to ask for.
    await store.putReport(rowOf(name, report), now());
    return incidentOf(report, { ...parts, source: name });
  };
  const look: Looks['look'] = async (id, signal) => {
    const found = await find(id, signal);
    if (found !== null && found.id !== id) throw untrusted(name, 'it answered about another one');
    return found;
  };
  return {
    find,
    look,
    open: async (signal) => {
      const waiting = [...(await store.openReports(name, MOST))];
      const found: Incident[] = [];
      const worker = async (): Promise<void> => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
          const incident = await look(next.id, signal);
          if (incident?.state === 'open') found.push(incident);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, worker));
      return found.toSorted((a, b) => b.openedAt - a.openedAt);
    },
  };
}

/** Members in the order of the form and with everything filled in: the same words make the same text. */
function rowOf(source: string, report: Report): IncidentReport {
  const { id, reference = id, opened_at: openedAt, updated_at: updatedAt } = report;
  const times = { opened_at: new Date(openedAt).toISOString(), updated_at: new Date(updatedAt).toISOString() };
  const text = JSON.stringify({ ...report, reference, ...times });
  return { source, id, reference, state: stateOf(report), openedAt, updatedAt, report: text };
}

function readReport(body: Uint8Array): Report {
  const text = decoded(body);
  const problem = jsonProblem(text, LIMITS);
  if (problem !== null) throw bad(problem);
  const read = reportForm.safeParse(parsed(text), { reportInput: false });
  if (read.success) return read.data;
  const where = read.error.issues[0]?.path.map(String).join('.') ?? '';
  throw bad(where === '' ? 'it is not in the form of a report' : `${where} is not as it should be`);
}

function decoded(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw bad('it is not UTF-8');
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw bad('it is not JSON');
  }
}

function bad(problem: string): JitError {
  return new JitError({ code: 'ERR_BODY', message: `the report is refused: ${problem}` });
}
