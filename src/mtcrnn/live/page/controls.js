// One slider and one number for each parameter; fine steps by keyboard; MIDI controllers that were learned.

const STEPS = 1000;  // of a slider; arrow keys move by 10, with Shift by 1

export function format(value) {
  return Number(value.toPrecision(4)).toString();
}

export class Controls {
  // controls: [{ name, label, low, high, units, note }], of which name, low and high must be there;
  // onMove(name, value) when a person moved one
  constructor(root, controls, onMove) {
    this.onMove = onMove;
    this.items = new Map();
    this.learned = new Map();  // MIDI controller -> name
    this.learning = null;
    root.replaceChildren(...controls.map((control, k) => this.make(control, k)));
  }

  make(control, k) {
    const row = document.createElement("div");
    row.className = "control";
    row.dataset.name = control.name;
    const id = `control-${k}`;
    const label = control.label ?? control.name;
    const units = control.units ? ` ${control.units}` : "";
    const note = control.note ? ` (${control.note})` : "";
    row.innerHTML = `<label for="${id}"><span></span> <span class="range"></span></label>
      <input type="number" step="any"><button type="button" aria-pressed="false">learn</button>
      <input type="range" id="${id}" min="0" max="${STEPS}" step="1">`;
    const [name, range] = row.querySelectorAll("span");
    name.textContent = label;
    range.textContent = `${format(control.low)} to ${format(control.high)}${units}${note}`;
    const [number, slider] = row.querySelectorAll("input");
    const learn = row.querySelector("button");
    number.setAttribute("aria-label", `${label}, number`);
    learn.setAttribute("aria-label", `learn a MIDI controller for ${label}`);
    const item = { ...control, label, slider, number, learn, value: control.low };
    this.items.set(control.name, item);
    slider.addEventListener("input", () => this.move(control.name, this.at(item, slider.value / STEPS)));
    slider.addEventListener("keydown", (event) => {
      const sign = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
      if (!sign) return;
      event.preventDefault();
      this.move(control.name, item.value + ((sign * (event.shiftKey ? 1 : 10)) / STEPS) * (item.high - item.low));
    });
    number.addEventListener("change", () => {
      if (Number.isFinite(number.valueAsNumber)) this.move(control.name, number.valueAsNumber);
      else this.show(control.name, item.value);
    });
    learn.addEventListener("click", () => this.learn(this.learning === control.name ? null : control.name));
    return row;
  }

  at(item, share) {
    return item.low + share * (item.high - item.low);
  }

  share(name) {
    const { value, low, high } = this.items.get(name);
    return high > low ? (value - low) / (high - low) : 0;
  }

  move(name, value) {
    const { low, high } = this.items.get(name);
    const kept = Math.min(Math.max(value, low), high);
    this.show(name, kept);
    this.onMove(name, kept);
  }

  moveShare(name, share) {
    this.move(name, this.at(this.items.get(name), Math.min(Math.max(share, 0), 1)));
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
    const told = document.getElementById("midi");
    if (this.midi) return;
    if (!navigator.requestMIDIAccess) {
      told.textContent = `MIDI: ${window.isSecureContext ? "this browser has none." : "not this way: see the top."}`;
      return;
    }
    try {
      this.midi = await navigator.requestMIDIAccess();
    } catch {
      told.textContent = "MIDI: not allowed by the browser.";
      return;
    }
    const listen = () => this.midi.inputs.forEach((input) => { input.onmidimessage = ({ data }) => this.onMidi(data); });
    this.midi.onstatechange = listen;
    listen();
    told.textContent = `MIDI: ${this.midi.inputs.size} inputs; press “learn”, then move a knob.`;
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
