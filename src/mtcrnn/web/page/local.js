// The player of a page that holds its models: the sound is made in the page, by an AudioWorklet.

import { Graph } from "./graph.js";
import { Latencies } from "./timing.js";
import { Voice } from "./voice.js";

const FADE_S = 0.02;
const CHECK_S = 0.3;  // of sound, to measure the speed; the browser's compiler learns what it has to do well
const MOST_ROWS = 720000;  // of a gesture: two hours
const NEEDED = {
  "WebAssembly with SIMD": () => WebAssembly.validate(SIMD),
  AudioWorklet: () => typeof AudioWorkletNode === "function",
  DecompressionStream: () => typeof DecompressionStream === "function",
};
// a module with one function of SIMD: i8x16.popcnt(i8x16.splat(0))
const SIMD = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
]);

export class Local extends Graph {
  // engine: WebAssembly; models: [{ name, planes, size, ... }], see mtcrnn/web/export.py; both as gzip in base64.
  // addModule: adds the worklet's module to a context
  constructor({ engine, models, addModule }) {
    super();
    Object.assign(this, { engine, models, addModule });
    this.latencies = new Latencies();
    this.sound = this;  // for tests and debugging
    this.status = { underruns: undefined, buffered: 0, played: 0 };  // underruns: where the browser counts them
    this.moves = new Map();  // values by number of the parameter, the temperature's last
    this.playing = this.recording = false;
    this.take = 0;
  }

  async list() {
    const lacking = Object.keys(NEEDED).filter((name) => !NEEDED[name]());
    if (lacking.length) {
      const plain = window.isSecureContext ? "" : " here: open the page as a file, or over https";
      throw new Error(`This browser has no ${lacking.join(", no ")}${plain}. A newer one plays this page.`);
    }
    return this.models.map(({ name }) => name);
  }

  async load(name, handlers) {
    this.handlers = handlers;
    this.model = this.models.find((model) => model.name === name);
    const { controls, planes, pages, table, count, addresses, channels, bands, sample_rate: rate } = this.model;
    this.names = controls.map((control) => control.name);
    const values = [...controls.map(({ low, high, log }) => log ? Math.sqrt(low * high) : (low + high) / 2), 1];
    const image = woven(await unzipped(planes), 4);
    this.voice = { image, pages, table, count, addresses, values, channels, bands };
    this.module = await WebAssembly.compile(await unzipped(this.engine));
    Object.assign(this, { sampleRate: rate, channels });
    const named = Object.fromEntries(this.names.map((each, k) => [each, values[k]]));
    handlers.hello({ ...this.model, values: named, temperature: 1, rtf: this.speed() }, this);
  }

  // How many times faster than real time the sound is made here: that of the median stretch.
  speed() {
    const voice = new Voice(this.module, this.voice);
    const size = Math.round(0.01 * this.sampleRate), times = [];
    for (let made = 0; made < CHECK_S * this.sampleRate; made += size) {
      const started = performance.now();
      voice.play(size);
      times.push(performance.now() - started);
    }
    const late = times.slice(times.length / 2).sort((a, b) => a - b);
    return 10 / late[Math.floor(late.length / 2)];
  }

  // Lets the browser play; may be called again after a failure.
  ready() {
    return this.open();
  }

  async build() {
    await super.build();
    this.post({ values: [...this.moves], change: null });
    this.post({ record: this.recording });
  }

  // At the model's rate, or where the browser has its own, at that: the worklet resamples.
  newContext() {
    try {
      return super.newContext();
    } catch {
      return new AudioContext({ latencyHint: "interactive" });
    }
  }

  processorOptions() {
    return { module: this.module, model: this.voice, rate: this.sampleRate, fadeS: FADE_S };
  }

  start(seed = Math.floor(Math.random() * 2 ** 31)) {
    this.take++;
    this.seed = seed;
    this.rows = [];
    this.latencies.clear();
    this.playing = true;
    this.post({ start: { seed, take: this.take } });
    this.handlers.started({ seed, take: this.take });
  }

  stop() {
    this.playing = false;
    this.post({ stop: true });
  }

  // Moves parameters, or the temperature; change: the number of the move, null if it was not made on the page.
  set(change, { values, temperature }) {
    const moved = Object.entries(values ?? {}).map(([name, value]) => [this.names.indexOf(name), value]);
    if (temperature !== undefined) moved.push([this.names.length, temperature]);
    for (const [k, value] of moved) this.moves.set(k, value);
    this.post({ values: moved, change });
    if (this.playing && change !== null) this.latencies.sent(change);
  }

  record(on) {
    this.recording = on;
    this.post({ record: on });
  }

  receive({ take, played, first, rows, next, samples, heard, share }) {
    if (take !== this.take) return;
    if (this.rows.length < MOST_ROWS * next.length) this.rows.push(...rows);
    this.next = next;
    this.status.played = played;
    this.status.underruns = this.context.playbackStats?.underrunEvents;
    this.status.share = 0.9 * (this.status.share ?? share) + 0.1 * share;  // smoothed
    for (const [change, from] of heard) this.latencies.follows(change, from);
    this.latencies.played(played, this.sampleRate);
    if (samples.length) this.handlers.block({ first, samples: new Float32Array(samples) });
  }

  // What was played since the start, as .npy, and its seed.
  async gesture() {
    return { blob: npy([...this.rows, ...this.next], this.next.length), seed: this.seed };
  }
}

// The bytes of gzip in base64.
async function unzipped(text) {
  const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Bytes from planes: first all that are number 0 in a word of n bytes, then all that are number 1, and so on.
function woven(planes, n) {
  const bytes = new Uint8Array(planes.length);
  const words = planes.length / n;
  for (let k = 0; k < n; k++) for (let i = 0; i < words; i++) bytes[n * i + k] = planes[k * words + i];
  return bytes;
}

// Rows of a gesture as numpy's file of an array [1, rows, columns].
function npy(numbers, columns) {
  const shape = `(1, ${numbers.length / columns}, ${columns})`;
  const text = `{'descr': '<f8', 'fortran_order': False, 'shape': ${shape}, }`;
  const header = text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11, " ") + "\n";
  const view = new DataView(new ArrayBuffer(10 + header.length));
  [0x93, ...[..."NUMPY"].map((letter) => letter.charCodeAt(0)), 1, 0].forEach((byte, k) => view.setUint8(k, byte));
  view.setUint16(8, header.length, true);
  [...header].forEach((letter, k) => view.setUint8(10 + k, letter.charCodeAt(0)));
  return new Blob([view, new Float64Array(numbers)]);
}
