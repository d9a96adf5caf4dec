// The live page of `mtcrnn play`: it makes the sound itself; where it cannot, the server does.

import { run } from "./app.js";
import { Connection, token } from "./connection.js";
import { Local } from "./local.js";
import { Remote } from "./remote.js";

const LEAST_SPEED = 1.5;  // times real time, to make the sound in the page
const worklet = (context) => context.audioWorklet.addModule("/page/voice_worklet.js");

class Live {
  constructor() {
    this.player = new Remote();
  }

  list() {
    return this.player.list();
  }

  async open(model, handlers) {
    const answer = await fetch(`/voice/${encodeURIComponent(model)}?token=${encodeURIComponent(token())}`);
    if (answer.ok && (await this.openHere(model, await answer.json(), handlers))) return;
    this.player.open(model, handlers);
  }

  // Whether the sound can be made here.
  async openHere(model, data, handlers) {
    const local = new Local({ ...data, worklet });
    let fast = false;
    const hello = (said) => {
      fast = said.rtf >= LEAST_SPEED;
      if (!fast) return;
      this.player = local;
      handlers.hello(said);
    };
    try {
      await local.list();
      await local.open(model, { ...handlers, hello });
    } catch (error) {
      if (fast) throw error;  // else an old browser
    }
    if (fast) this.connect(model, local, handlers);
    return fast;
  }

  // The server says what OSC moves, and when it ends.
  connect(model, local, handlers) {
    const moved = ({ values: { "@temperature": temperature, ...values } }) => {
      local.set(null, { values, temperature });
      handlers.moved({ values: { ...values, ...(temperature === undefined ? {} : { "@temperature": temperature }) } });
    };
    const closed = () => handlers.error({ text: "mtcrnn play has ended: this page plays on until it is closed" });
    this.connection = new Connection(model, { moved, closed, block() {} });
  }

  get sound() {
    return this.player.sound;
  }

  ready() {
    return this.player.ready();
  }

  start(seed) {
    this.player.start(seed);
  }

  stop() {
    this.player.stop();
  }

  set(change, moved) {
    this.player.set(change, moved);
  }

  setMargin(ms) {
    this.player.setMargin(ms);
  }

  record(on) {
    this.player.record(on);
  }

  gesture() {
    return this.player.gesture();
  }
}

run(new Live(), "mtcrnn play does not answer: reload the page");
