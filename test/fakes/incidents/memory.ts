/**
 * An incident source in memory, with the semantics of the port: it answers from what it holds at the moment at which it is asked,
 * lists say nothing of who is on call, and while it is down every question fails.
 * @module
 */
import { JitError } from '../../../src/core/errors.ts';
import type { Incident, IncidentSource, OnCallPerson, SourcePerson } from '../../../src/core/incident.ts';

export interface MemorySource extends IncidentSource {
  /** A new one, called `INC-<number>`; its id is another word. */
  opens(over?: Partial<Incident>): Incident;
  closes(id: string): void;
  reopens(id: string): void;
  /** `id` becomes part of `into`. */
  merges(id: string, into: string): void;
  /** It is gone for good, as if it had never been. */
  forgets(id: string): void;
  changes(id: string, over: Partial<Incident>): void;
  /** By subject, the first tier first. */
  setOnCall(id: string, ...subjects: readonly string[]): void;
  down(): void;
  up(): void;
  /** Every question so far: `find INC-1`, `look inc-one`, `open`. */
  readonly asked: readonly string[];
  /** Questions from now on get their answers when the returned function is called, as things were when they were asked. */
  hold(): () => void;
}

export const person = (subject: string): SourcePerson => ({ id: subject, name: subject, email: null });

export function memorySource(name: string, now: () => number): MemorySource {
  const held = new Map<string, Incident>();
  const asked: string[] = [];
  let state: 'up' | 'down' = 'up';
  let gate: Promise<void> = Promise.resolve();
  let number = 0;

  const change = (id: string, over: Partial<Incident>): void => {
    const before = held.get(id);
    if (before === undefined) throw new TypeError(`there is no incident ${id} here`);
    held.set(id, { ...before, ...over });
  };
  // Who is on call for what is closed is not asked.
  const shown = (incident: Incident): Incident => (incident.state === 'open' ? incident : { ...incident, onCall: [] });

  async function answer<T>(question: string, read: () => T): Promise<T> {
    asked.push(question);
    const failing = state === 'down';
    const found = read();
    await gate;
    if (failing) throw new JitError({ code: 'ERR_INCIDENT_SOURCE', message: `${name} gives no answer` });
    return found;
  }

  return {
    name,
    asked,
    opens: (over = {}) => {
      number += 1;
      const incident: Incident = {
        source: name,
        id: `${name}-id-${number}`,
        reference: `INC-${number}`,
        title: `the shop is down <@everyone> https://evil.example/${number}`,
        state: 'open',
        severity: 1,
        services: ['web'],
        responders: [],
        commanders: [],
        onCall: [],
        openedAt: now(),
        url: null,
        mergedInto: null,
        ...over,
      };
      held.set(incident.id, incident);
      return incident;
    },
    closes: (id) => change(id, { state: 'closed' }),
    reopens: (id) => change(id, { state: 'open', mergedInto: null }),
    merges: (id, into) => change(id, { state: 'closed', mergedInto: into }),
    forgets: (id) => void held.delete(id),
    changes: change,
    setOnCall: (id, ...subjects) =>
      change(id, { onCall: subjects.map((subject, at): OnCallPerson => ({ ...person(subject), tier: at + 1 })) }),
    down: () => {
      state = 'down';
    },
    up: () => {
      state = 'up';
    },
    hold: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return () => {
        gate = Promise.resolve();
        resolve();
      };
    },
    find: async (text) =>
      answer(`find ${text}`, () => {
        const found = [...held.values()].find(({ id, reference }) => id === text || reference === text);
        return found === undefined ? null : shown(found);
      }),
    look: async (id) =>
      answer(`look ${id}`, () => {
        const found = held.get(id);
        return found === undefined ? null : shown(found);
      }),
    open: async () =>
      answer('open', () =>
        [...held.values()]
          .filter((incident) => incident.state === 'open')
          .map((incident) => ({ ...incident, onCall: [] }))
          .toSorted((a, b) => b.openedAt - a.openedAt),
      ),
  };
}
