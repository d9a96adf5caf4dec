// The XY pad: moves two parameters at once.

export class Pad {
  constructor(parameters) {
    this.parameters = parameters;
    this.element = document.getElementById("pad");
    this.dot = document.getElementById("dot");
    this.selects = ["pad-x", "pad-y"].map((id) => document.getElementById(id));
    const items = [...parameters.items.values()];
    document.getElementById("pad-section").hidden = items.length < 2;
    this.selects.forEach((select, k) => {
      select.replaceChildren(...items.map(({ label, name }) => new Option(label, name)));
      select.selectedIndex = Math.min(k, items.length - 1);
      select.onchange = () => this.show();
    });
    this.element.onpointerdown = (event) => {
      this.element.setPointerCapture(event.pointerId);
      this.drag(event);
    };
    this.element.onpointermove = (event) => event.buttons && this.drag(event);
    this.element.onkeydown = (event) => {
      const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] }[event.key] ?? [];
      if (dx === undefined) return;
      event.preventDefault();
      const step = event.shiftKey ? 0.001 : 0.01;
      const [x, y] = this.names();
      if (dx) parameters.moveShare(x, parameters.share(x) + dx * step);
      if (dy) parameters.moveShare(y, parameters.share(y) + dy * step);
    };
    this.show();
  }

  names() {
    return this.selects.map((select) => select.value);
  }

  drag(event) {
    const box = this.element.getBoundingClientRect();
    const [x, y] = this.names();
    this.parameters.moveShare(x, (event.clientX - box.left) / box.width);
    if (y !== x) this.parameters.moveShare(y, 1 - (event.clientY - box.top) / box.height);
  }

  show() {
    const [x, y] = this.names();
    if (!x) return;
    this.dot.style.left = `${100 * this.parameters.share(x)}%`;
    this.dot.style.top = `${100 * (1 - this.parameters.share(y))}%`;
  }
}
