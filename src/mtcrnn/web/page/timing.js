// The latency of moves: from a change to the first sample that follows it.

export class Latencies {
  constructor() {
    this.pending = [];  // changes not heard yet: { change, sent, first }
    this.values = [];  // ms, the newest last
  }

  clear() {
    this.pending = [];
  }

  sent(change) {
    this.pending.push({ change, sent: performance.now() });
    if (this.pending.length > 500) this.pending.shift();
  }

  // The sound follows a change, and those before it, from a sample on.
  follows(change, first) {
    for (const each of this.pending) if (each.first === undefined && change >= each.change) each.first = first;
  }

  // So many samples were played.
  played(samples, sampleRate) {
    const now = performance.now();
    while (this.pending.length && this.pending[0].first !== undefined && this.pending[0].first < samples) {
      const { sent, first } = this.pending.shift();
      this.values.push(now - sent - ((samples - first) / sampleRate) * 1000);
      if (this.values.length > 1000) this.values.shift();
    }
  }
}

export function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] : undefined;
}
