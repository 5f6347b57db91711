/**
 * Counters for the operator, in Prometheus' text format.
 * @module
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

export interface Metrics {
  observe(route: string, status: number, ms: number): void;
  render(): Promise<string>;
}

/** @param effectsInHand how many effects the worker is carrying out. */
export function makeMetrics(effectsInHand: () => number): Metrics {
  const registry = new Registry();
  const calls = new Counter({
    name: 'jit_http_requests_total',
    help: 'HTTP requests by route and status',
    labelNames: ['route', 'status'] as const,
    registers: [registry],
  });
  const seconds = new Histogram({
    name: 'jit_http_request_seconds',
    help: 'time to answer, long-polls included',
    labelNames: ['route'] as const,
    buckets: [0.001, 0.005, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 60],
    registers: [registry],
  });
  const inHand = new Gauge({
    name: 'jit_effects_in_hand',
    help: 'issues, revocations and other effects being carried out',
    registers: [],
    collect() {
      this.set(effectsInHand());
    },
  });
  registry.registerMetric(inHand);
  return {
    observe: (route, status, ms) => {
      calls.inc({ route, status: String(status) });
      seconds.observe({ route }, ms / 1_000);
    },
    render: async () => registry.metrics(),
  };
}
