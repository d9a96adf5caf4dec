// The recordings one after another, as far as they are in view: waveform, spectrogram and curves; the cursor, what is
// selected. Places are seconds from the start of the first recording.

import { Tiles } from "./tiles.js";

const LEAST_S = 0.5;  // in view
const COLOURS = ["#ff9a5c", "#5fd38d", "#6cb6ff", "#e07bd8", "#f0d25a", "#9a8cff", "#5ad1cf", "#ff7b7b"];
const LANES = { names: 18, waveform: 60, spectrogram: 130 };  // heights; the curve has what is left
const WAVEFORM_END = LANES.names + LANES.waveform, CURVE_START = WAVEFORM_END + LANES.spectrogram;
const CURVE_MARGIN = 8;

// The value at a share of a parameter's range.
export const valueAt = ({ low, high }, share) => low + share * (high - low);
export const colour = (k) => COLOURS[k % COLOURS.length];

export class Timeline {
  // about: what the server says of the recordings; handlers: cursor, point(place, share of the curve's height), drawn
  constructor(about, handlers) {
    Object.assign(this, { about, handlers });
    this.canvas = document.getElementById("timeline");
    this.starts = [];
    this.total = 0;
    for (const { seconds } of about.recordings) {
      this.starts.push(this.total);
      this.total += seconds;
    }
    let first = 0;
    this.offsets = about.recordings.map(({ moments }) => (first += moments) - moments);
    this.view = { from: 0, seconds: Math.min(this.total, 60) };
    this.cursor = 0;
    this.selection = null;  // [from, to] in one recording
    this.curves = [];  // { name, low, high, values, unsure, marks: [{ place, until, value, amiss }], chosen, question }
    this.skip = [];  // [from, to]
    this.playhead = null;
    this.drawing = null;  // points while a curve is drawn
    this.pencil = false;
    this.frames = 0;  // drawn, for tests
    this.tiles = new Tiles(about, () => this.redraw());
    this.listen();
    new ResizeObserver(() => this.redraw()).observe(this.canvas);
  }

  // The recording at a place, and the seconds in it.
  at(place) {
    let i = this.starts.findLastIndex((start) => start <= place);
    i = Math.max(i, 0);
    return { i, seconds: Math.min(Math.max(place - this.starts[i], 0), this.about.recordings[i].seconds) };
  }

  place(i, seconds) {
    return this.starts[i] + seconds;
  }

  inView(i) {
    const { from, seconds } = this.view, start = this.starts[i];
    return start <= from + seconds && start + this.about.recordings[i].seconds >= from;
  }

  set(cursor, selection = null) {
    this.cursor = Math.min(Math.max(cursor, 0), this.total - 1e-3);
    this.selection = selection;
    this.handlers.cursor();
    this.redraw();
  }

  reveal(place) {
    const { from, seconds } = this.view;
    if (place < from || place > from + seconds) this.look(place - seconds / 2);
  }

  look(from, seconds = this.view.seconds) {
    seconds = Math.min(Math.max(seconds, LEAST_S), this.total);
    this.view = { from: Math.min(Math.max(from, 0), this.total - seconds), seconds };
    this.tiles.forget();
    this.handlers.cursor();
    this.redraw();
  }

  zoom(factor, around = this.cursor) {
    const { from, seconds } = this.view;
    const share = Math.min(Math.max((around - from) / seconds, 0), 1);
    const next = Math.min(Math.max(seconds * factor, LEAST_S), this.total);
    this.look((share > 0 && share < 1 ? around : from + seconds / 2) - next * share, next);
  }

  redraw() {
    if (this.due) return;
    this.due = requestAnimationFrame(() => {
      this.due = 0;
      this.draw();
    });
  }

  x(place) {
    return ((place - this.view.from) / this.view.seconds) * this.width;
  }

  draw() {
    const ratio = devicePixelRatio, box = this.canvas.getBoundingClientRect();
    if (!box.width) return;
    const [width, height] = [Math.round(box.width * ratio), Math.round(box.height * ratio)];
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    const context = this.canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.width = box.width;
    this.curveHeight = box.height - CURVE_START - 2 * CURVE_MARGIN;
    context.fillStyle = "#111018";
    context.fillRect(0, 0, box.width, box.height);
    this.about.recordings.forEach((recording, i) => {
      if (this.inView(i)) this.drawRecording(context, recording, i, box.height);
    });
    for (const [from, to] of this.skip) this.shade(context, from, to, "#000b", box.height);
    if (this.selection) this.shade(context, ...this.selection, "#fff3", box.height);
    this.drawCurves(context, box.height);
    this.line(context, this.cursor, "#fff", box.height);
    if (this.playhead !== null) this.line(context, this.playhead, "#5fd38d", box.height);
    this.frames++;
  }

  line(context, place, style, height, dash = []) {
    context.strokeStyle = style;
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(this.x(place), 0);
    context.lineTo(this.x(place), height);
    context.stroke();
    context.setLineDash([]);
  }

  shade(context, from, to, style, height) {
    context.fillStyle = style;
    context.fillRect(this.x(from), LANES.names, Math.max(this.x(to) - this.x(from), 1), height - LANES.names);
  }

  drawRecording(context, { name, seconds, silent, clipped }, i, height) {
    const { columns_hz, tile } = this.about, start = this.starts[i];
    const scale = this.tiles.scale(this.width / this.view.seconds);
    const each = tile / (scale * columns_hz);
    const [from, to] = [Math.max(this.view.from - start, 0), Math.min(this.view.from + this.view.seconds - start, seconds)];
    context.save();
    context.beginPath();
    context.rect(this.x(start), 0, this.x(start + seconds) - this.x(start), height);
    context.clip();
    for (let number = Math.floor(from / each); number * each < to; number++) {
      if (this.drawTile(context, i, scale, number)) continue;
      const coarse = tile / columns_hz;  // stands in
      for (let k = Math.floor((number * each) / coarse); k * coarse < Math.min((number + 1) * each, to); k++) {
        context.save();
        context.beginPath();
        context.rect(this.x(start + number * each), 0, (each / this.view.seconds) * this.width, height);
        context.clip();
        this.drawTile(context, i, 1, k);
        context.restore();
      }
    }
    for (const [a, b] of silent) this.shade(context, start + a, start + b, "#8888", WAVEFORM_END);
    for (const [a, b] of clipped) this.shade(context, start + a, start + b, "#f338", WAVEFORM_END);
    context.fillStyle = "#c9c6d6";
    context.font = "12px system-ui, sans-serif";
    context.fillText(name, Math.max(this.x(start), 0) + 4, 13);
    context.restore();
    this.line(context, start, "#555", height);
  }

  // Whether a tile is there and drawn.
  drawTile(context, i, scale, number) {
    const tile = this.tiles.get(i, scale, number);
    if (!tile) return false;
    if (!tile.count) return true;
    const hz = scale * this.about.columns_hz, start = this.starts[i] + (number * this.about.tile) / hz;
    const left = this.x(start), width = (tile.count / hz / this.view.seconds) * this.width;
    context.drawImage(tile.canvas, left, WAVEFORM_END, width, LANES.spectrogram);
    const middle = LANES.names + LANES.waveform / 2, unit = LANES.waveform / 256;
    const step = width / tile.count, several = Math.max(1, Math.floor(1 / step));
    context.fillStyle = "#8f8aa8";
    for (let k = 0; k < tile.count; k += several) {
      const x = left + k * step;
      if (x < -2 || x > this.width + 2) continue;
      let low = 255, high = 0;
      for (let j = k; j < Math.min(k + several, tile.count); j++) {
        low = Math.min(low, tile.low[j]);
        high = Math.max(high, tile.high[j]);
      }
      context.fillRect(x, middle - (high - 128) * unit, Math.max(step * several, 1), Math.max((high - low) * unit, 1));
    }
    return true;
  }

  // The height of a value in the curve's lane, and back.
  y(value, { low, high }) {
    return CURVE_START + CURVE_MARGIN + (1 - (value - low) / (high - low)) * this.curveHeight;
  }

  share(y) {
    return Math.min(Math.max(1 - (y - CURVE_START - CURVE_MARGIN) / this.curveHeight, 0), 1);
  }

  drawCurves(context, height) {
    const chosen = this.curves.filter((curve) => curve.chosen);
    for (const curve of [...this.curves.filter((one) => !one.chosen), ...chosen]) {
      context.globalAlpha = curve.chosen ? 1 : 0.3;
      if (curve.values.length) this.drawCurve(context, curve);
      if (curve.chosen) this.drawMarks(context, curve, height);
      context.globalAlpha = 1;
    }
    if (this.drawing?.length && chosen.length) {
      context.strokeStyle = "#fff";
      context.beginPath();
      for (const [place, share] of this.drawing) {
        context.lineTo(this.x(place), this.y(valueAt(chosen[0], share), chosen[0]));
      }
      context.stroke();
    }
  }

  drawCurve(context, curve) {
    const { moments_hz } = this.about;
    this.about.recordings.forEach(({ moments }, i) => {
      if (!this.inView(i)) return;
      const start = this.starts[i];
      const first = Math.max(Math.floor((this.view.from - start) * moments_hz) - 1, 0);
      const last = Math.min(Math.ceil((this.view.from + this.view.seconds - start) * moments_hz) + 1, moments - 1);
      const step = Math.max(1, Math.floor((last - first) / (2 * this.width)));
      const points = [];
      for (let k = first; k <= last; k += step) points.push([this.x(start + k / moments_hz), this.offsets[i] + k]);
      const inside = (value) => this.y(Math.min(Math.max(value, curve.low), curve.high), curve);
      if (curve.chosen) {
        context.fillStyle = `${curve.colour}40`;
        context.beginPath();
        for (const [x, k] of points) context.lineTo(x, inside(curve.values[k] + curve.unsure[k]));
        for (const [x, k] of points.toReversed()) context.lineTo(x, inside(curve.values[k] - curve.unsure[k]));
        context.fill();
      }
      context.strokeStyle = curve.colour;
      context.lineWidth = curve.chosen ? 2 : 1;
      context.beginPath();
      for (const [x, k] of points) context.lineTo(x, inside(curve.values[k]));
      context.stroke();
      context.lineWidth = 1;
    });
  }

  drawMarks(context, curve, height) {
    if (curve.question !== null) this.line(context, curve.question, curve.colour, height, [4, 4]);
    for (const { place, until, value, amiss } of curve.marks) {
      context.fillStyle = amiss ? "#ff5050" : curve.colour;
      context.strokeStyle = "#fff";
      const [x, y] = [this.x(place), this.y(value, curve)];
      if (until !== null) context.fillRect(x, y - 2, this.x(until) - x, 4);
      context.beginPath();
      context.arc(x, y, 5, 0, 7);
      context.fill();
      context.stroke();
    }
  }

  // Pointer and wheel; keys are the page's.
  listen() {
    const where = (event) => {
      const box = this.canvas.getBoundingClientRect();
      const x = Math.min(Math.max(event.clientX - box.left, 0), box.width);
      return { place: this.view.from + (x / box.width) * this.view.seconds, y: event.clientY - box.top };
    };
    const inCurve = (y) => y > CURVE_START;
    let down = null;
    this.canvas.onpointerdown = (event) => {
      if (event.button) return;
      this.canvas.setPointerCapture(event.pointerId);
      down = where(event);
      if (this.pencil && inCurve(down.y)) this.drawing = [[down.place, this.share(down.y)]];
    };
    this.canvas.onpointermove = (event) => {
      if (!down) return;
      const { place, y } = where(event);
      if (this.drawing) {
        if (place > this.drawing.at(-1)[0]) this.drawing.push([place, this.share(y)]);
        this.redraw();
      } else if (Math.abs(this.x(place) - this.x(down.place)) > 4) {
        this.set(Math.min(place, down.place), this.inOne(down.place, place));
      }
    };
    this.canvas.onpointerup = (event) => {
      if (!down) return;
      const { place, y } = where(event), moved = Math.abs(this.x(place) - this.x(down.place)) > 4;
      if (this.drawing) this.handlers.drawn(this.drawing);
      else if (!moved) {
        this.set(place);
        this.handlers.point(place, inCurve(y) ? this.share(y) : null);
      }
      this.drawing = down = null;
      this.redraw();
    };
    this.canvas.onpointercancel = () => (this.drawing = down = null);
    this.canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      if (event.ctrlKey) this.zoom(Math.exp(event.deltaY / 300), where(event).place);
      else this.look(this.view.from + ((event.deltaX || event.deltaY) / this.width) * this.view.seconds);
    }, { passive: false });
  }

  // Two places as a stretch of the recording of the first.
  inOne(a, b) {
    const { i } = this.at(a), start = this.starts[i], end = start + this.about.recordings[i].seconds;
    return [Math.max(Math.min(a, b), start), Math.min(Math.max(a, b), end)];
  }
}
