// The AudioWorklet: buffers the blocks of the newest take and plays them; on an underrun it fades out, then in again.

class Player extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super();
    this.step = 1 / (processorOptions.fadeS * sampleRate);  // of the gain, each sample
    this.channels = processorOptions.channels;
    this.blocks = [];  // the buffer, Float32Arrays with the samples of all channels in turn
    this.at = 0;  // numbers of the first block that are played
    this.buffered = 0;  // samples of each channel in the buffer
    this.take = 0;
    this.played = 0;
    this.margin = 0;  // samples that must be buffered before the sound begins, or begins again
    this.running = false;  // fading in, or at full level
    this.playing = false;
    this.gain = 0;
    this.last = new Float32Array(this.channels);  // the newest sample of each channel
    this.underruns = 0;
    this.port.onmessage = ({ data }) => this.receive(data);
  }

  receive(message) {
    if (message.samples) {
      if (message.take !== this.take) return;
      this.blocks.push(message.samples);
      this.buffered += message.samples.length / this.channels;
    } else if (message.start !== undefined) {
      Object.assign(this, { blocks: [], at: 0, buffered: 0, take: message.start, played: 0 });
      Object.assign(this, { running: false, playing: true });
    } else if (message.stop) {
      this.playing = false;
    }
    if (message.margin !== undefined) this.margin = message.margin;
  }

  // Takes the next sample of each channel; returns whether there is one.
  next() {
    if (!this.buffered) return false;
    const block = this.blocks[0];
    for (let c = 0; c < this.channels; c++) this.last[c] = block[this.at++];
    this.buffered--;
    if (this.at === block.length) {
      this.blocks.shift();
      this.at = 0;
    }
    this.played++;
    return true;
  }

  process(_, [outputs]) {
    const size = outputs[0].length;
    if (!this.running && this.playing && this.gain === 0 && this.buffered >= Math.max(this.margin, size)) {
      this.running = true;
    }
    for (let i = 0; i < size; i++) {
      if (this.running && this.playing && this.next()) {
        this.gain = Math.min(1, this.gain + this.step);
      } else {
        if (this.running && this.playing) {
          this.underruns++;
          this.running = false;
        }
        this.gain = Math.max(0, this.gain - this.step);  // fade out the last sample played
      }
      outputs.forEach((out, c) => {
        out[i] = this.last[c] * this.gain;
      });
    }
    if (this.gain === 0) this.last.fill(0);
    this.port.postMessage({ take: this.take, played: this.played, buffered: this.buffered, underruns: this.underruns });
    return true;
  }
}

registerProcessor("player", Player);
