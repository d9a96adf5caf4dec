// The audio graph: the worklet that plays blocks, an analyser behind it; and how long a change takes to be heard.

const ACK_S = 0.004;  // the server hears at most this often how much was played

export class Sound {
  // onPlayed(take, samples) paces the server
  constructor(sampleRate, onPlayed) {
    this.sampleRate = sampleRate;
    this.onPlayed = onPlayed;
    this.status = { waiting: 0, underruns: 0, played: 0, take: 0 };
    this.pending = [];  // changes on their way: { change, sent, first }
    this.latencies = [];  // ms, the newest last
    this.lastAck = 0;
  }

  // May be tried again where it failed.
  async open() {
    this.opening ??= this.build();
    try {
      await this.opening;
    } catch (error) {
      this.opening = undefined;
      throw error;
    }
    await this.context.resume();
  }

  async build() {
    const context = new AudioContext({ sampleRate: this.sampleRate, latencyHint: "interactive" });
    try {
      await context.audioWorklet.addModule("/page/worklet.js");
      this.node = new AudioWorkletNode(context, "player", { numberOfInputs: 0, outputChannelCount: [1] });
    } catch (error) {
      await context.close();  // browsers give out a few only
      throw error;
    }
    this.analyser = new AnalyserNode(context, { fftSize: 2048, smoothingTimeConstant: 0 });
    this.node.connect(this.analyser).connect(context.destination);
    this.node.port.onmessage = ({ data }) => this.onStatus(data);
    this.context = context;
  }

  start(take, needMs) {
    this.pending = [];
    this.node.port.postMessage({ start: take, need: this.samples(needMs) });
  }

  stop() {
    this.node?.port.postMessage({ stop: true });
  }

  margin(ms) {
    this.node?.port.postMessage({ need: this.samples(ms) });
  }

  push(block) {
    for (const change of this.pending) {
      if (change.first === undefined && block.change >= change.change) change.first = block.first;
    }
    this.node.port.postMessage({ take: block.take, samples: block.samples });
  }

  changed(change) {
    this.pending.push({ change, sent: performance.now() });
    if (this.pending.length > 500) this.pending.shift();
  }

  onStatus(status) {
    const now = performance.now();
    this.status = status;
    if (now - this.lastAck >= ACK_S * 1000) {
      this.lastAck = now;
      this.onPlayed(status.take, status.played);
    }
    while (this.pending.length && this.pending[0].first !== undefined && this.pending[0].first < status.played) {
      const { sent, first } = this.pending.shift();
      this.latencies.push(now - sent - ((status.played - first) / this.sampleRate) * 1000);
      if (this.latencies.length > 1000) this.latencies.shift();
    }
  }

  // What the browser and the device add behind the audio graph, in ms, as far as they tell.
  outputMs() {
    return this.context ? 1000 * ((this.context.baseLatency || 0) + (this.context.outputLatency || 0)) : 0;
  }

  samples(ms) {
    return Math.round((ms / 1000) * this.sampleRate);
  }
}

export function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] : undefined;
}
