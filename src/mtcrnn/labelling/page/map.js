// The map: every moment as a dot at its place on the first two axes; the one under the pointer is heard.

const NEAR = 14;  // pixels

export class SoundMap {
  // axes: two arrays of values 0 to 1; handlers: hear(moment), go(moment)
  constructor([across, up], { hear, go }) {
    Object.assign(this, { across, up });
    this.canvas = document.getElementById("map");
    this.heard = -1;
    this.canvas.onpointermove = (event) => {
      const moment = this.nearest(event);
      if (moment === this.heard) return;
      this.heard = moment;
      this.draw();
      if (moment >= 0) hear(moment);
    };
    this.canvas.onclick = (event) => {
      const moment = this.nearest(event);
      if (moment >= 0) go(moment);
    };
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  place(k, { width, height }) {
    return [10 + this.across[k] * (width - 20), 10 + (1 - this.up[k]) * (height - 20)];
  }

  nearest(event) {
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let best = -1, least = NEAR ** 2;
    for (let k = 0; k < this.across.length; k++) {
      const [a, b] = this.place(k, box), away = (a - x) ** 2 + (b - y) ** 2;
      if (away < least) [best, least] = [k, away];
    }
    return best;
  }

  draw() {
    const ratio = devicePixelRatio, box = this.canvas.getBoundingClientRect();
    Object.assign(this.canvas, { width: Math.round(box.width * ratio), height: Math.round(box.height * ratio) });
    const context = this.canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    for (let k = 0; k < this.across.length; k++) {
      const [x, y] = this.place(k, box);
      context.fillStyle = `hsl(${(300 * k) / this.across.length} 70% 65% / ${k === this.heard ? 1 : 0.6})`;
      context.beginPath();
      context.arc(x, y, k === this.heard ? 7 : 2.5, 0, 7);
      context.fill();
    }
  }
}
