// The live page of `mtcrnn play`: it makes the sound itself; where it cannot, the server does.

import { run } from "./app.js";
import { Connection, token } from "./connection.js";
import { Local } from "./local.js";
import { Remote } from "./remote.js";

const LEAST_SPEED = 1.5;  // times real time, to make the sound in the page
const addModule = (context) => context.audioWorklet.addModule("/page/voice_worklet.js");

// Chooses the player, which tells the page that it plays.
class Live {
  constructor() {
    this.remote = new Remote();
  }

  list() {
    return this.remote.list();
  }

  async load(model, handlers) {
    const answer = await fetch(`/voice/${encodeURIComponent(model)}?token=${encodeURIComponent(token())}`);
    if (answer.ok && (await this.loadHere(model, await answer.json(), handlers))) return;
    this.remote.load(model, handlers);
  }

  // Whether the sound can be made here.
  async loadHere(model, data, handlers) {
    const local = new Local({ ...data, addModule });
    let fast = false;
    const hello = (said) => {
      fast = said.rtf >= LEAST_SPEED;
      if (fast) handlers.hello(said, local);
    };
    try {
      await local.list();
      await local.load(model, { ...handlers, hello });
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
}

run(new Live(), "mtcrnn play does not answer: reload the page");
