// The audio graph of the live page: the worklet that plays blocks, then an analyser.

import { Latencies } from "./timing.js";

const REPORT_S = 0.004;  // at least, between two reports to the server of how much was played

export class Sound {
  // fadeS: of a fade, in seconds; report(take, samples) tells the server what was played, which paces it
  constructor(sampleRate, channels, fadeS, report) {
    this.sampleRate = sampleRate;
    this.channels = channels;
    this.fadeS = fadeS;
    this.report = report;
    this.playing = false;
    this.status = { buffered: 0, underruns: 0, played: 0, take: 0 };
    this.latencies = new Latencies();
    this.lastReport = 0;
  }

  // May be called again after a failure.
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
      await context.audioWorklet.addModule("/page/blocks_worklet.js");
      const options = {
        numberOfInputs: 0,
        outputChannelCount: [this.channels],
        processorOptions: { channels: this.channels, fadeS: this.fadeS },
      };
      this.node = new AudioWorkletNode(context, "player", options);
    } catch (error) {
      await context.close();  // browsers allow only a few
      throw error;
    }
    this.analyser = new AnalyserNode(context, { fftSize: 2048, smoothingTimeConstant: 0 });
    this.node.connect(this.analyser).connect(context.destination);
    this.node.port.onmessage = ({ data }) => this.onStatus(data);
    this.context = context;
  }

  start(take, marginMs) {
    this.latencies.clear();
    this.playing = true;
    this.node.port.postMessage({ start: take, margin: this.samples(marginMs) });
  }

  stop() {
    this.playing = false;
    this.node?.port.postMessage({ stop: true });
  }

  setMargin(ms) {
    this.node?.port.postMessage({ margin: this.samples(ms) });
  }

  push(block) {
    this.latencies.follows(block.change, block.first);
    this.node.port.postMessage({ take: block.take, samples: block.samples });
  }

  changed(change) {
    if (this.playing) this.latencies.sent(change);
  }

  onStatus(status) {
    const now = performance.now();
    this.status = status;
    if (now - this.lastReport >= REPORT_S * 1000) {
      this.lastReport = now;
      this.report(status.take, status.played);
    }
    this.latencies.played(status.played, this.sampleRate);
  }

  // The latency of the browser and the device after the audio graph, in ms, as far as they report it.
  outputMs() {
    return this.context ? 1000 * ((this.context.baseLatency || 0) + (this.context.outputLatency || 0)) : 0;
  }

  samples(ms) {
    return Math.round((ms / 1000) * this.sampleRate);
  }
}
