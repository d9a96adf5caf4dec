// Recordings: the blocks as received, as a 24-bit wav; and the list of files to download.

const MOST_S = 7200;  // of one recording, as for a gesture

export class Recorder {
  constructor(sampleRate, channels) {
    this.most = MOST_S * sampleRate * channels;  // numbers
    this.blocks = null;
  }

  get on() {
    return this.blocks !== null;
  }

  start() {
    this.blocks = [];
    this.first = null;
    this.length = 0;
  }

  // Records a block; returns whether there is room for more.
  push(block) {
    if (!this.on) return true;
    if (this.first === null) this.first = block.first;
    this.blocks.push(block.samples);
    this.length += block.samples.length;
    return this.length < this.most;
  }

  // Ends the recording: its samples, and the number in the take of the first one.
  stop() {
    const samples = new Float32Array(this.length);
    let at = 0;
    for (const block of this.blocks) {
      samples.set(block, at);
      at += block.length;
    }
    const first = this.first ?? 0;
    this.blocks = null;
    return { samples, first };
  }
}

// Samples, those of all channels in turn, as a 24-bit wav, rounded as by mtcrnn generate.
export function wav(samples, sampleRate, channels) {
  const view = new DataView(new ArrayBuffer(44 + 3 * samples.length));
  const text = (at, word) => [...word].forEach((letter, k) => view.setUint8(at + k, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + 3 * samples.length, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, sampleRate, true);
  view.setUint32(28, 3 * channels * sampleRate, true);
  view.setUint16(32, 3 * channels, true);
  view.setUint16(34, 24, true);
  text(36, "data");
  view.setUint32(40, 3 * samples.length, true);
  samples.forEach((sample, k) => {
    // as libsndfile does
    const value = Math.max(-0x80000000, Math.min(0x7fffffff, Math.round(sample * 0x80000000))) >> 8;
    view.setUint16(44 + 3 * k, value & 0xffff, true);
    view.setInt8(46 + 3 * k, value >> 16);
  });
  return new Blob([view], { type: "audio/wav" });
}

// Adds a file to the list, with the command that renders the same sound offline.
export function addTake(blob, name, note, command) {
  document.getElementById("no-takes").hidden = true;
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.textContent = name;
  item.append(link, ` ${note}`);
  if (command) {
    const code = document.createElement("code");
    code.textContent = command;
    item.append(code);
  }
  document.getElementById("takes").prepend(item);
}
