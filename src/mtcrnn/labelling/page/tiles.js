// Tiles of waveform and spectrogram, fetched when they are seen first, few at once; coarse ones stand in for fine ones.

import { bytes } from "./api.js";

const AT_ONCE = 6, MOST_KEPT = 600;

export class Tiles {
  constructor(about, changed) {
    Object.assign(this, { about, changed });
    this.kept = new Map();  // by key: a tile, or null while it is fetched
    this.wanted = [];
    this.fetching = 0;
  }

  // The scale whose columns are about as wide as a pixel.
  scale(columnsPerSecond) {
    const { scales, columns_hz } = this.about;
    return scales.find((scale) => scale * columns_hz >= columnsPerSecond) ?? scales.at(-1);
  }

  // A tile, or undefined until it is there.
  get(i, scale, number) {
    const key = `${i}/${scale}/${number}`;
    if (this.kept.has(key)) {
      const tile = this.kept.get(key);
      this.kept.delete(key);  // the newest is the last
      this.kept.set(key, tile);
      return tile ?? undefined;
    }
    if (!this.wanted.includes(key)) this.wanted.push(key);
    this.fetchMore();
    return undefined;
  }

  // What was wanted by an earlier view, and is not fetched yet, is not wanted any more.
  forget() {
    this.wanted = [];
  }

  fetchMore() {
    while (this.fetching < AT_ONCE && this.wanted.length) {
      const key = this.wanted.shift();
      this.kept.set(key, null);
      this.fetching++;
      this.fetchOne(key);
    }
  }

  async fetchOne(key) {
    try {
      this.kept.set(key, this.made(await bytes(`/tile/${key}`)));
    } catch {
      this.kept.set(key, { count: 0 });  // the file is gone: nothing to draw
    }
    this.fetching--;
    while (this.kept.size > MOST_KEPT) this.kept.delete(this.kept.keys().next().value);
    this.changed();
    this.fetchMore();
  }

  made(data) {
    const { bands } = this.about, width = 2 + bands, count = data.length / width;
    if (!count) return { count };
    const low = new Uint8Array(count), high = new Uint8Array(count);
    const canvas = new OffscreenCanvas(count, bands), context = canvas.getContext("2d");
    const pixels = context.createImageData(count, bands);
    for (let x = 0; x < count; x++) {
      low[x] = data[x * width];
      high[x] = data[x * width + 1];
      for (let band = 0; band < bands; band++) {
        const level = data[x * width + 2 + band], at = 4 * ((bands - 1 - band) * count + x);
        pixels.data[at] = Math.min(255, level * 1.6);
        pixels.data[at + 1] = Math.max(0, level * 1.5 - 100);
        pixels.data[at + 2] = level < 90 ? level * 1.2 : Math.max(0, 200 - level);
        pixels.data[at + 3] = 255;
      }
    }
    context.putImageData(pixels, 0, 0);
    return { count, low, high, canvas };
  }
}
