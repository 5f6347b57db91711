/**
 * Runs a broker: puts its parts together, cleans up after its predecessor, listens, and ends in good order.
 * @module
 */
import { join } from 'node:path';
import { catalogView } from '../broker/catalog/view.ts';
import { makeCatalog } from '../broker/catalog/catalog.ts';
import { apiRoutes } from '../broker/http/api.ts';
import { makeApp } from '../broker/http/app.ts';
import { drillRoutes } from '../broker/http/drill-routes.ts';
import { hookRoutes } from '../broker/http/hook-routes.ts';
import { listen } from '../broker/http/listen.ts';
import { openIssuer } from '../broker/issuer/issuer.ts';
import { makeApprovals } from '../broker/service/approvals.ts';
import { makeBroker } from '../broker/service/broker.ts';
import { makeChanges } from '../broker/service/changes.ts';
import { drillPort } from '../broker/service/emergency/drills.ts';
import { makeEnds } from '../broker/service/emergency/end.ts';
import { makeIssuer } from '../broker/service/issue.ts';
import { reconcile } from '../broker/service/reconcile.ts';
import type { Log } from '../broker/service/log.ts';
import type { World } from '../broker/service/world.ts';
import { presentIn } from '../broker/sessions/present.ts';
import { startForgetting } from '../broker/sessions/forget.ts';
import { openSqliteStore } from '../broker/store/sqlite/store.ts';
import { startDeadlines } from '../broker/worker/deadlines.ts';
import { startLeftovers } from '../broker/worker/leftovers.ts';
import { startWorker } from '../broker/worker/worker.ts';
import { replaceFile } from '../local/atomic.ts';
import { holdLock } from '../local/lock.ts';
import { SOCKET_FILE } from '../local/paths.ts';
import { steadyClock } from './clock.ts';
import { untilIdle } from './idle.ts';
import { makeLog } from './log.ts';
import { makeMetrics } from './metrics.ts';
import { openIncidents } from './incidents.ts';
import { openNotices } from './notices.ts';
import { openPages } from './pages.ts';
import { type BrokerPlan, type Mode, planBroker } from './plan.ts';
import { livePolicies } from './policies.ts';
import { pooledRandom } from './random.ts';
import { signInBySession, signInBySocket } from './sign-in.ts';
import { openTargets } from './targets.ts';
import { providerViews, standingsOf, verifierOf } from './verifier.ts';
import { version } from './version.ts';

const GRACE_MS = 5_000;

/** @returns the exit status, once the broker has stopped: 0 also when another broker already serves this user. */
export async function serve(mode: Mode): Promise<number> {
  const log = makeLog();
  const plan = await planBroker(mode, process.env);
  const lock = await holdLock('broker', plan.state);
  if (lock === null) {
    log.info('another broker already uses this state folder');
    return 0;
  }
  const opened: Closer[] = [() => lock.release()];
  try {
    await run(plan, log, opened);
  } finally {
    for (const close of opened.toReversed()) await close();
  }
  log.info('stopped');
  return 0;
}

/** Closes one thing that has been opened. */
type Closer = () => void | Promise<void>;

/** @param opened is added to: what must be closed, in the opposite order, however this ends. */
async function run(plan: BrokerPlan, log: Log, opened: Closer[]): Promise<void> {
  const stop = new AbortController();
  const ends = plan.user === null ? (['SIGINT', 'SIGTERM'] as const) : (['SIGINT', 'SIGTERM', 'SIGHUP'] as const);
  for (const signal of ends) process.once(signal, () => stop.abort());

  const now = steadyClock();
  const random = pooledRandom();
  const issuer = await openIssuer({ issuer: plan.issuer, file: join(plan.state, 'issuer.json'), now, random, log });
  const { targets, providers, providerOf, sandbox } = await openTargets(plan, issuer, now, random, log);
  if (sandbox !== null) opened.push(sandbox.close);
  const policies = await livePolicies(plan.readPolicies, log);
  const store = await openSqliteStore({ file: join(plan.state, 'broker.db'), now });
  opened.push(() => store.close());
  const catalog = makeCatalog(plan.config, targets);
  const changes = makeChanges();
  const notices = await openNotices(plan, { store, targets, now, random, log });
  const incidents = await openIncidents(plan, { store, now, random, log });
  const { wait, takeUp, confirm } = plan.config.approvals;
  const { stale, rate, reviews, commanders } = plan.config.emergencies;
  const world: World = {
    store,
    get policy() {
      return policies.current();
    },
    catalog,
    targets,
    providers,
    providerOf,
    changes,
    now,
    random,
    log,
    approvals: {
      approvers: plan.user === null ? 'people' : 'nobody',
      waitMs: wait * 1_000,
      takeUpMs: takeUp * 1_000,
      confirmMs: confirm * 1_000,
    },
    incidents: incidents.incidents,
    emergencies: {
      staleMs: stale * 1_000,
      rate: { requests: rate.requests, withinMs: rate.within * 1_000 },
      // Where there is nobody but its holder, nobody could ever close one.
      openReviews: plan.user === null ? reviews : Infinity,
      commanders,
    },
    teller: notices.teller,
    present: presentIn(store),
  };

  const ended = await reconcile(world);
  if (ended > 0) log.warn('ended grants that were being issued when the last broker stopped', { grants: ended });
  const credentials = makeIssuer(world);
  const worker = startWorker(world, credentials);
  opened.push(worker.stop);
  const metrics = makeMetrics(worker.busy);
  const approvals = makeApprovals(world);
  const broker = makeBroker(world, credentials, approvals, worker.wake);
  let lastCall = now();
  const verifier = verifierOf({ identity: plan.config.identity, audience: plan.issuer, now, log });
  const pages =
    plan.user === null ? await openPages(plan, { broker, store, verifier, targets, now, random, log }) : null;
  const signIn =
    plan.user === null
      ? signInBySession({
          store,
          verifier,
          limits: plan.config.sessions,
          emergencySeconds: plan.config.emergencies.sessions,
          standing: standingsOf({ identity: plan.config.identity, seconds: plan.config.emergencies.sessions, log }),
          signIn: { audience: plan.issuer, providers: [...providerViews(plan.config.identity)] },
          scheme: plan.address.kind === 'tcp' && plan.address.tls !== null ? 'https' : 'http',
          now,
          random,
          log,
        })
      : signInBySocket(plan.user);
  const app = makeApp({
    routes: [
      ...signIn.routes,
      ...apiRoutes(broker, async (principal) => catalogView(world, principal)),
      ...drillRoutes(drillPort(incidents.drills, world.incidents)),
      ...hookRoutes(new Map([...notices.hooks, ...incidents.hooks])),
    ],
    version,
    identify: signIn.identify,
    nonce: signIn.nonce,
    hosts: plan.hosts,
    health: () => ({ status: stop.signal.aborted ? 'stopping' : 'ok', version, sandbox: sandbox !== null }),
    ready: async () =>
      store.nextDue([]).then(
        () => true,
        () => false,
      ),
    metrics: metrics.render,
    discovery: issuer.discovery,
    jwks: issuer.jwks,
    ...(pages === null ? {} : { pages }),
    log,
    observe: metrics.observe,
    touch: () => {
      lastCall = now();
    },
  });
  const listener = await listen(app, plan.address, { now, log });
  opened.push(() => listener.close(GRACE_MS));
  if (plan.address.kind === 'socket') {
    await replaceFile(join(plan.state, SOCKET_FILE), Buffer.from(plan.address.path), { mode: 0o600 });
  }
  log.info('ready', { version, policy: world.policy.version.slice(0, 12), targets: targets.size, port: listener.port });

  opened.push(notices.start(broker));
  opened.push(incidents.start(makeEnds(world, approvals, worker.wake)));
  opened.push(startDeadlines(approvals, log));
  const leftovers = startLeftovers(world);
  opened.push(leftovers.stop);
  opened.push(
    policies.watch(async (from, to) => {
      const entry = { type: 'policy.loaded', at: now(), actor: 'broker', request: null, grant: null } as const;
      await store.commit({ entries: [{ ...entry, data: { from, to } }] });
      await approvals.judgeAnew();
    }),
  );
  if (plan.user === null) process.on('SIGHUP', () => void policies.reload());
  await approvals.judgeAnew();
  const stopForgetting = startForgetting({ store, now, log });

  const busy = (): number => worker.busy() + leftovers.open();
  await untilIdle({ world, busy, stop: stop.signal, idleSeconds: plan.idleSeconds, lastCall: () => lastCall });
  stop.abort();
  stopForgetting();
  changes.release();
}
