// The audio graph of the live page: the worklet that plays blocks, then an analyser.

import { Graph } from "./graph.js";
import { Latencies } from "./timing.js";

const REPORT_S = 0.004;  // at least, between two reports to the server of how much was played

export class Sound extends Graph {
  // fadeS: of a fade, in seconds; report(take, samples) tells the server what was played, which paces it
  constructor(sampleRate, channels, fadeS, report) {
    super();
    this.sampleRate = sampleRate;
    this.channels = channels;
    this.fadeS = fadeS;
    this.report = report;
    this.playing = false;
    this.status = { buffered: 0, underruns: 0, played: 0, take: 0 };
    this.latencies = new Latencies();
    this.lastReport = 0;
  }

  addModule(context) {
    return context.audioWorklet.addModule("/page/blocks_worklet.js");
  }

  processorOptions() {
    return { channels: this.channels, fadeS: this.fadeS };
  }

  start(take, marginMs) {
    this.latencies.clear();
    this.playing = true;
    this.post({ start: take, margin: this.samples(marginMs) });
  }

  stop() {
    this.playing = false;
    this.post({ stop: true });
  }

  setMargin(ms) {
    this.post({ margin: this.samples(ms) });
  }

  push(block) {
    this.latencies.follows(block.change, block.first);
    this.post({ take: block.take, samples: block.samples });
  }

  changed(change) {
    if (this.playing) this.latencies.sent(change);
  }

  receive(status) {
    const now = performance.now();
    this.status = status;
    if (now - this.lastReport >= REPORT_S * 1000) {
      this.lastReport = now;
      this.report(status.take, status.played);
    }
    this.latencies.played(status.played, this.sampleRate);
  }

  samples(ms) {
    return Math.round((ms / 1000) * this.sampleRate);
  }
}
