// The player of the live page: the server makes the sound, in blocks over a WebSocket.

import { Connection, token } from "./connection.js";
import { Sound } from "./sound.js";

export class Remote {
  // The names of the models.
  async list() {
    const answer = await fetch(`/models?token=${encodeURIComponent(token())}`);
    if (!answer.ok) throw new Error(await answer.text());
    return (await answer.json()).models;
  }

  // handlers: by type of message, and block and closed
  load(model, handlers) {
    this.connection = new Connection(model, {
      ...handlers,
      hello: (hello) => this.begin(hello, handlers),
      started: (message) => {
        this.take = message.take;
        this.sound.start(message.take, this.margin);
        handlers.started(message);
      },
      block: (block) => {
        if (block.take !== this.take) return;
        this.sound.push(block);
        handlers.block(block);
      },
      margin: ({ ms }) => {
        this.margin = ms;
        handlers.margin(ms);
      },
      closed: () => {
        this.sound?.stop();
        handlers.closed();
      },
    });
  }

  begin(hello, handlers) {
    this.hello = hello;
    this.margin = hello.margin_ms;
    const report = (take, samples) => this.connection.send({ type: "played", take, samples });
    this.sound = new Sound(hello.sample_rate, hello.channels, hello.fade_s, report);
    handlers.hello(hello, this);
  }

  // Lets the browser play; may be called again after a failure.
  ready() {
    return this.sound.open();
  }

  start(seed) {
    this.connection.send({ type: "start", ...(seed === undefined ? {} : { seed }) });
  }

  stop() {
    this.connection.send({ type: "stop" });
    this.sound.stop();
  }

  // Moves parameters, or the temperature.
  set(change, moved) {
    this.connection.send({ type: "set", change, ...moved });
    this.sound.changed(change);
  }

  setMargin(ms) {
    this.margin = ms;
    this.connection.send({ type: "margin", ms });
    this.sound.setMargin(ms);
  }

  record() {}  // the blocks come anyway

  // What was played since the start, as .npy, and its seed.
  async gesture() {
    const answer = await fetch(`/gesture/${this.hello.id}.npy?token=${encodeURIComponent(token())}`);
    if (!answer.ok) throw new Error(answer.statusText);
    return { blob: await answer.blob(), seed: answer.headers.get("Rand-Seed") };
  }
}
