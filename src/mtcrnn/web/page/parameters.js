// The parameters: a slider and a number box for each, small steps by keyboard, and learned MIDI controllers.

const STEPS = 1000;  // of a slider; arrow keys move by 10, with Shift by 1

export function format(value) {
  return Number(value.toPrecision(4)).toString();
}

export class Parameters {
  // parameters: [{ name, low, high }], each with or without a label, units and a note;
  // onMove(name, value) when the user moves one
  constructor(root, parameters, onMove) {
    this.onMove = onMove;
    this.items = new Map();
    this.learned = new Map();  // MIDI controller -> name
    this.learning = null;
    root.replaceChildren(...parameters.map((parameter, k) => this.make(parameter, k)));
  }

  make(parameter, k) {
    const row = document.createElement("div");
    row.className = "parameter";
    row.dataset.name = parameter.name;
    const id = `parameter-${k}`;
    const label = parameter.label ?? parameter.name;
    const units = parameter.units ? ` ${parameter.units}` : "";
    const note = parameter.note ? ` (${parameter.note})` : "";
    row.innerHTML = `<label for="${id}"><span></span> <span class="range"></span></label>
      <input type="number" step="any"><button type="button" aria-pressed="false">learn</button>
      <input type="range" id="${id}" min="0" max="${STEPS}" step="1">`;
    const [name, range] = row.querySelectorAll("span");
    name.textContent = label;
    range.textContent = `${format(parameter.low)} to ${format(parameter.high)}${units}${note}`;
    const [number, slider] = row.querySelectorAll("input");
    const learn = row.querySelector("button");
    number.setAttribute("aria-label", `${label}, number`);
    learn.setAttribute("aria-label", `learn a MIDI controller for ${label}`);
    const item = { ...parameter, label, slider, number, learn, value: parameter.low };
    this.items.set(parameter.name, item);
    slider.addEventListener("input", () => this.moveShare(parameter.name, slider.value / STEPS));
    slider.addEventListener("keydown", (event) => {
      const sign = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
      if (!sign) return;
      event.preventDefault();
      this.moveShare(parameter.name, this.share(parameter.name) + (sign * (event.shiftKey ? 1 : 10)) / STEPS);
    });
    number.addEventListener("change", () => {
      if (Number.isFinite(number.valueAsNumber)) this.move(parameter.name, number.valueAsNumber);
      else this.show(parameter.name, item.value);
    });
    learn.addEventListener("click", () => this.learn(this.learning === parameter.name ? null : parameter.name));
    return row;
  }

  // Where in its range a parameter is, 0 to 1.
  share(name) {
    const { value, low, high, log } = this.items.get(name);
    if (log) return Math.log(value / low) / Math.log(high / low);
    return high > low ? (value - low) / (high - low) : 0;
  }

  // The server clamps too; here it keeps the page from showing what will not be.
  move(name, value) {
    const { low, high } = this.items.get(name);
    const clamped = Math.min(Math.max(value, low), high);
    this.show(name, clamped);
    this.onMove(name, clamped);
  }

  moveShare(name, share) {
    const { low, high, log } = this.items.get(name);
    this.move(name, log ? low * (high / low) ** share : low + share * (high - low));
  }

  show(name, value) {
    const item = this.items.get(name);
    item.value = value;
    item.slider.value = Math.round(this.share(name) * STEPS);
    item.slider.setAttribute("aria-valuetext", `${format(value)}${item.units ? ` ${item.units}` : ""}`);
    item.number.value = format(value);
  }

  learn(name) {
    this.learning = name;
    for (const [other, { learn }] of this.items) learn.setAttribute("aria-pressed", String(other === name));
    if (name) return this.openMidi();
  }

  async openMidi() {
    const status = document.getElementById("midi");
    if (this.midi) return;
    if (!navigator.requestMIDIAccess) {
      const why = window.isSecureContext ? "this browser has none." : "not over plain http: see the top of the page.";
      status.textContent = `MIDI: ${why}`;
      return;
    }
    try {
      this.midi = await navigator.requestMIDIAccess();
    } catch {
      status.textContent = "MIDI: not allowed by the browser.";
      return;
    }
    const listen = () => {
      for (const input of this.midi.inputs.values()) input.onmidimessage = ({ data }) => this.onMidi(data);
    };
    this.midi.onstatechange = listen;
    listen();
    status.textContent = `MIDI: ${this.midi.inputs.size} inputs; press “learn”, then move a knob.`;
  }

  onMidi([status, number, value]) {
    if ((status & 0xf0) !== 0xb0) return;  // a control change
    const key = `${status & 0x0f}/${number}`;
    if (this.learning) {
      this.learned.set(key, this.learning);
      this.items.get(this.learning).learn.textContent = `CC ${number}`;
      this.learn(null);
    }
    const name = this.learned.get(key);
    if (name) this.moveShare(name, value / 127);
  }
}
