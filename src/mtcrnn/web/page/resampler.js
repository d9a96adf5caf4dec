// Sound at another rate, for browsers that do not play at the model's: a sinc in a Kaiser window, as soxr and others do.

const ZEROS = 16;  // of the sinc on either side
const BETA = 9;  // of the window: 90 dB
const PHASES = 256;  // between two samples, then straight lines

export class Resampler {
  // make(frames, n): writes the next n frames of the sound
  constructor(from, to, channels, make) {
    Object.assign(this, { channels, make });
    this.pace = from / to;
    const cutoff = Math.min(1, to / from);
    this.half = Math.ceil(ZEROS / cutoff);
    const width = 2 * this.half, besselOfBeta = bessel(BETA);
    this.filters = Array.from({ length: PHASES + 1 }, (_, phase) =>
      Float32Array.from({ length: width }, (_, k) => {
        const place = k - this.half + 1 - phase / PHASES;
        const inside = 1 - (place / this.half) ** 2;
        const window = inside > 0 ? bessel(BETA * Math.sqrt(inside)) / besselOfBeta : 0;
        const x = Math.PI * cutoff * place;
        return cutoff * (x === 0 ? 1 : Math.sin(x) / x) * window;
      }),
    );
    this.restart();
  }

  restart() {
    this.kept = new Float32Array(2 * this.half * this.channels);  // the newest frames
    this.place = 0;  // of the next sample after the middle of these frames, 0 to 1
  }

  // Writes n frames.
  read(out, n) {
    const { channels, half, filters } = this;
    for (let i = 0; i < n; i++) {
      this.place += this.pace;
      const due = Math.floor(this.place);
      if (due) this.take(due);
      this.place -= due;
      const at = this.place * PHASES, phase = Math.floor(at), share = at - phase;
      for (let c = 0; c < channels; c++) {
        let low = 0, high = 0;
        for (let k = 0; k < 2 * half; k++) {
          const sample = this.kept[k * channels + c];
          low += filters[phase][k] * sample;
          high += filters[phase + 1][k] * sample;
        }
        out[i * channels + c] = low + (high - low) * share;
      }
    }
  }

  take(count) {
    const size = count * this.channels;
    if (this.frames?.length !== size) this.frames = new Float32Array(size);
    this.make(this.frames, count);
    this.kept.copyWithin(0, size);
    this.kept.set(this.frames.subarray(Math.max(0, size - this.kept.length)), Math.max(0, this.kept.length - size));
  }
}

// The modified Bessel function of the first kind, of order 0.
function bessel(x) {
  let sum = 1, term = 1;
  for (let k = 1; term > 1e-12 * sum; k++) sum += term *= (x / 2 / k) ** 2;
  return sum;
}
