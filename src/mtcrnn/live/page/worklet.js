// Plays the blocks of the newest take from a queue; where they come late it fades out, and in again when they are there.

const FADE = 0.004;  // seconds

class Player extends AudioWorkletProcessor {
  constructor() {
    super();
    this.blocks = [];  // Float32Arrays that wait
    this.at = 0;  // samples of the first one that are played
    this.waiting = 0;  // samples that wait
    this.take = 0;
    this.played = 0;
    this.need = 0;  // samples that must wait before the sound begins, or begins again
    this.running = false;  // fading in, or in full
    this.playing = false;
    this.gain = 0;
    this.last = 0;
    this.underruns = 0;
    this.port.onmessage = ({ data }) => this.takeIn(data);
  }

  takeIn(message) {
    if (message.samples) {
      if (message.take !== this.take) return;
      this.blocks.push(message.samples);
      this.waiting += message.samples.length;
    } else if (message.start !== undefined) {
      Object.assign(this, { blocks: [], at: 0, waiting: 0, take: message.start, played: 0, running: false, playing: true });
    } else if (message.stop) {
      this.playing = false;
    }
    if (message.need !== undefined) this.need = message.need;
  }

  // The next sample, or none.
  next() {
    if (!this.waiting) return undefined;
    const block = this.blocks[0];
    const value = block[this.at++];
    this.waiting--;
    if (this.at === block.length) {
      this.blocks.shift();
      this.at = 0;
    }
    this.played++;
    return value;
  }

  process(_, [[out]]) {
    const step = 1 / (FADE * sampleRate);
    if (!this.running && this.playing && this.gain === 0 && this.waiting >= Math.max(this.need, out.length)) {
      this.running = true;
    }
    for (let i = 0; i < out.length; i++) {
      const value = this.running && this.playing ? this.next() : undefined;
      if (value === undefined) {
        if (this.running && this.playing) {
          this.underruns++;
          this.running = false;
        }
        this.gain = Math.max(0, this.gain - step);  // fade what was heard last
      } else {
        this.last = value;
        this.gain = Math.min(1, this.gain + step);
      }
      out[i] = this.last * this.gain;
    }
    if (this.gain === 0) this.last = 0;
    this.port.postMessage({ take: this.take, played: this.played, waiting: this.waiting, underruns: this.underruns });
    return true;
  }
}

registerProcessor("player", Player);
