// The instrument: what the buttons, sliders, keys and the server's words do.

import { Connection, token } from "./connection.js";
import { Controls, format } from "./controls.js";
import { Pad } from "./pad.js";
import { Sound, quantile } from "./sound.js";
import { Recorder, addTake, wav } from "./takes.js";
import { View } from "./view.js";

const TEMPERATURE = "temperature";
const $ = (id) => document.getElementById(id);
const preset = new URLSearchParams(location.hash.slice(1));
const state = { playing: false, take: 0, change: 0, hello: null, seed: null };
window.mtcrnn = state;  // for tests, and for the curious

let connection, sound, controls, pad, recorder, view;

function say(text, bad = false) {
  $("status").textContent = text;
  $("status").classList.toggle("bad", bad);
}

async function listModels() {
  const answer = await fetch(`/models?token=${encodeURIComponent(token())}`);
  if (!answer.ok) return say("This address lacks its token: take the one that mtcrnn play printed.", true);
  const { models } = await answer.json();
  $("models").hidden = models.length < 2;
  $("model").replaceChildren(...models.map((name) => new Option(name)));
  $("model").value = models.includes(preset.get("model")) ? preset.get("model") : models[0];
  $("model").onchange = () => {
    location.hash = new URLSearchParams({ model: $("model").value });
    location.reload();
  };
  connect($("model").value);
}

function connect(model) {
  connection = new Connection(model, {
    hello: begin,
    started,
    stopped: () => setPlaying(false),
    block: receive,
    clamped: ({ values }) => {
      for (const [name, value] of Object.entries(values)) controls.show(name, value);
      say(`out of range, moved to ${Object.entries(values).map(([name, value]) => `${name} ${format(value)}`).join(", ")}`);
    },
    moved: ({ values }) => {  // by OSC
      for (const [name, value] of Object.entries(values)) controls.show(name, value);
      pad.show();
    },
    margin: ({ ms }) => showMargin(ms),
    error: ({ text }) => say(text, true),
    refused: ({ text }) => {
      state.refused = true;
      say(text, true);
    },
    closed: () => {
      sound?.stop();
      setPlaying(false);
      for (const id of ["play", "reseed", "record", "save"]) $(id).disabled = true;
      if (!state.refused) say("mtcrnn play has ended, or this page slept too long: reload the page", true);
    },
  });
}

function begin(hello) {
  state.hello = hello;
  document.title = `${hello.name} – mtcrnn`;
  $("name").textContent = hello.name;
  const temperature = { name: TEMPERATURE, low: 0, high: hello.most_temperature, note: "1 as trained" };
  controls = new Controls($("controls"), [...hello.controls, temperature], moved);
  pad = new Pad(controls);
  sound = new Sound(hello.sample_rate, (take, samples) => connection.send({ type: "played", take, samples }));
  recorder = new Recorder(hello.sample_rate);
  view = new View();
  state.sound = sound;
  const values = { ...hello.values, [TEMPERATURE]: hello.temperature };
  for (const [name, value] of Object.entries(values)) {
    const asked = preset.has(name) ? Number(preset.get(name)) : NaN;
    if (Number.isFinite(asked)) controls.move(name, asked);
    else controls.show(name, value);
  }
  pad.show();
  $("seed").value = preset.get("seed") ?? Math.floor(Math.random() * 2 ** 31);
  showMargin(hello.margin_ms);
  $("engine").textContent = `${hello.rtf.toFixed(1)} × real time`;
  for (const id of ["play", "reseed", "record", "save"]) $(id).disabled = false;
  say(`${hello.sample_rate} Hz, ready`);
}

function moved(name, value) {
  const change = ++state.change;
  const message = name === TEMPERATURE ? { temperature: value } : { values: { [name]: value } };
  connection.send({ type: "set", change, ...message });
  if (state.playing) sound.changed(change);
  pad.show();
  keepPreset();
}

let keeping;
function keepPreset() {
  clearTimeout(keeping);
  keeping = setTimeout(() => {
    const kept = new URLSearchParams();
    if (!$("models").hidden) kept.set("model", $("model").value);
    for (const [name, { value }] of controls.items) kept.set(name, format(value));
    kept.set("seed", $("seed").value);
    history.replaceState(null, "", `${location.pathname}${location.search}#${kept}`);
  }, 300);
}

async function start() {
  const opened = sound.context !== undefined;
  try {
    await sound.open();
  } catch (error) {
    return say(`this browser gives no sound at ${state.hello.sample_rate} Hz: ${error.message}`, true);
  }
  if (!opened) view.run(sound.analyser, showTiming);
  const seed = $("seed").valueAsNumber;
  connection.send({ type: "start", ...(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 31 ? { seed } : {}) });
}

function started({ seed, take }) {
  Object.assign(state, { seed, take });
  $("seed").value = seed;
  sound.start(take, Number($("margin").value));
  setPlaying(true);
  keepPreset();
}

function stop() {
  connection.send({ type: "stop" });
  sound.stop();
  setPlaying(false);
}

function setPlaying(playing) {
  state.playing = playing;
  $("play").textContent = playing ? "Stop" : "Start";
  $("play").setAttribute("aria-pressed", String(playing));
  if (playing) say("playing");
  else if (recorder?.on) record();
}

function receive(block) {
  if (block.take !== state.take) return;
  sound.push(block);
  recorder.push(block);
}

function reseed() {
  $("seed").value = Math.floor(Math.random() * 2 ** 31);
  keepPreset();
  if (state.playing) start();
}

async function record() {
  const on = !recorder.on;
  $("record").setAttribute("aria-pressed", String(on));
  if (on) return recorder.start();
  const { samples, first } = recorder.stop();
  if (!samples.length) return say("nothing was recorded: press Start first");
  const rate = state.hello.sample_rate;
  const at = first ? `, from ${(first / rate).toFixed(3)} s of the sound on` : "";
  addTake(wav(samples, rate), `${state.hello.name}-${state.seed}.wav`, `${(samples.length / rate).toFixed(1)} s${at}`);
}

async function saveGesture() {
  if (!state.take) return say("nothing was played yet");
  const answer = await fetch(`/gesture/${state.hello.id}.npy?token=${encodeURIComponent(token())}`);
  if (!answer.ok) return say("the gesture is gone", true);
  const name = `${state.hello.name}-${state.seed}.npy`;
  const command = `mtcrnn generate --model_dir MODEL --gesture ${name} --rand_seed ${state.seed} --out ${state.hello.name}`;
  addTake(await answer.blob(), name, "the gesture since the start; the same sound without the page:", command);
}

function showMargin(ms) {
  $("margin").value = ms;
  $("margin-ms").value = `${ms} ms`;
}

function showTiming() {
  const [middle, late] = [0.5, 0.95].map((q) => quantile(sound.latencies, q));
  if (middle !== undefined) $("latency").textContent = `${middle.toFixed(0)} ms (95%: ${late.toFixed(0)} ms)`;
  $("output").textContent = `${sound.outputMs().toFixed(0)} ms`;
  $("ahead").textContent = `${((1000 * sound.status.waiting) / sound.sampleRate).toFixed(0)} ms`;
  $("underruns").textContent = sound.status.underruns;
}

$("play").onclick = () => (state.playing ? stop() : start());
$("reseed").onclick = reseed;
$("record").onclick = record;
$("save").onclick = saveGesture;
$("seed").onchange = keepPreset;
$("margin").oninput = () => {
  const ms = Number($("margin").value);
  showMargin(ms);
  connection.send({ type: "margin", ms });
  sound.margin(ms);
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input[type=number], select")) return;
  const sliders = [...document.querySelectorAll(".control input[type=range]")];
  if (event.key === " " && !event.target.matches("button")) $("play").click();
  else if (event.key === "n") $("reseed").click();
  else if (event.key === "r") $("record").click();
  else if (/^[1-9]$/.test(event.key)) sliders[event.key - 1]?.focus();
  else return;
  event.preventDefault();
});

listModels();
