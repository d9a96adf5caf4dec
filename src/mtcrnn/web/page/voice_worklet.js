// The AudioWorklet that makes the sound itself: fades in and out, follows moves, tells the page what it played.

import { Resampler } from "./resampler.js";
import { Voice } from "./voice.js";

const REPORT = 512;  // samples between two reports

class Player extends AudioWorkletProcessor {
  constructor({ processorOptions: { module, model, rate, fadeS } }) {
    super();
    this.voice = new Voice(module, model);
    this.rate = rate;  // of the model
    const make = (frames, n) => this.make(frames, n);
    this.resampler = rate === sampleRate ? null : new Resampler(rate, sampleRate, model.channels, make);
    this.channels = model.channels;
    this.step = 1 / (fadeS * sampleRate);  // of the gain, each sample
    this.gain = 0;
    this.playing = false;
    this.waiting = null;  // a start that waits until what plays has faded out
    this.recording = false;
    this.values = [...model.values];
    this.change = 0;  // the newest that was asked for, and the newest that the sound follows
    this.followed = 0;
    this.busy = 0;  // ms spent on the sound since the last report
    this.clear();
    this.port.onmessage = ({ data }) => this.receive(data);
  }

  clear() {
    this.report = { rows: [], samples: [], heard: [], from: this.voice.made };
  }

  receive(message) {
    if (message.start) {
      this.waiting = message.start;
      this.playing = false;
    } else if (message.stop) {
      this.waiting = null;
      this.playing = false;
    } else if (message.values) {
      message.values.forEach(([k, value]) => (this.values[k] = value));
      this.change = message.change ?? this.change;
      this.voice.target.set(this.values);
    } else if (message.record !== undefined) {
      this.recording = message.record;
    }
  }

  begin({ seed, take }) {
    this.voice.restart(seed, this.values);
    this.resampler?.restart();
    this.take = take;
    this.followed = this.change;
    this.waiting = null;
    this.playing = true;
    this.clear();
  }

  // Samples, those of all channels in turn, with what has to be told of them.
  make(frames, n) {
    for (let done = 0; done < n; ) {
      const before = this.voice.block;
      const count = Math.min(n - done, Math.max(this.voice.ready, 1));
      frames.set(this.voice.play(count), done * this.channels);
      done += count;
      if (this.voice.block === before) continue;
      this.report.rows.push(...this.voice.row());
      if (this.change !== this.followed) this.report.heard.push([this.change, this.voice.first]);
      this.followed = this.change;
    }
    if (this.recording) this.report.samples.push(...frames);
  }

  process(_, [outputs]) {
    const size = outputs[0].length;
    if (this.waiting && this.gain === 0) this.begin(this.waiting);
    if (!this.playing && this.gain === 0) return true;
    this.frames ??= new Float32Array(size * this.channels);
    const started = Date.now();
    if (this.resampler) this.resampler.read(this.frames, size);
    else this.make(this.frames, size);
    this.busy += Date.now() - started;
    for (let i = 0; i < size; i++) {
      this.gain = Math.min(Math.max(this.gain + (this.playing ? this.step : -this.step), 0), 1);
      outputs.forEach((out, c) => (out[i] = this.frames[i * this.channels + c] * this.gain));
    }
    if (this.voice.made - this.report.from >= REPORT || (this.gain === 0 && !this.playing)) this.tell();
    return true;
  }

  tell() {
    const { rows, samples, heard, from } = this.report;
    const played = this.voice.made;
    const share = (this.busy / 1000 / (played - from)) * this.rate;
    const next = this.voice.next();
    this.port.postMessage({ take: this.take, played, first: from, rows, next, samples, heard, share });
    this.busy = 0;
    this.clear();
  }
}

registerProcessor("player", Player);
