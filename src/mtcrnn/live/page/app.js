// The page's main module: what the buttons, keys, presets in the address and messages of the server do.

import { Connection, token } from "./connection.js";
import { Pad } from "./pad.js";
import { Parameters, format } from "./parameters.js";
import { Sound, quantile } from "./sound.js";
import { Recorder, addTake, wav } from "./takes.js";
import { Visualiser } from "./visualiser.js";

// The instrument's own settings begin with @, as no parameter's name does.
const [TEMPERATURE, SEED, MODEL] = ["@temperature", "@seed", "@model"];
const $ = (id) => document.getElementById(id);
const state = { playing: false, take: 0, change: 0, hello: null, seed: null, margin: 0 };
window.mtcrnn = state;  // for tests and debugging

let connection, sound, parameters, pad, recorder, visualiser;

function setStatus(text, bad = false) {
  $("status").textContent = text;
  $("status").classList.toggle("bad", bad);
}

function enable(on) {
  for (const id of ["play", "reseed", "record", "save"]) $(id).disabled = !on;
}

function drawSeed() {
  $("seed").value = Math.floor(Math.random() * 2 ** 31);
}

// Shows values of parameters that were not moved on the page.
function showValues(values) {
  for (const [name, value] of Object.entries(values)) parameters.show(name, value);
  pad.show();
}

// The settings in the address.
function preset() {
  return new URLSearchParams(location.hash.slice(1));
}

async function listModels() {
  if (!window.isSecureContext) showTunnelHelp();
  const answer = await fetch(`/models?token=${encodeURIComponent(token())}`);
  if (!answer.ok) return setStatus(await answer.text(), true);
  const { models } = await answer.json();
  $("models").hidden = models.length < 2;
  $("model").replaceChildren(...models.map((name) => new Option(name)));
  const asked = preset().get(MODEL);
  $("model").value = models.includes(asked) ? asked : models[0];
  $("model").onchange = () => (location.hash = new URLSearchParams({ [MODEL]: $("model").value }));
  window.onhashchange = () => {  // another preset
    if ((preset().get(MODEL) ?? state.hello?.name) === state.hello?.name) applyPreset();
    else location.reload();
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
      showValues(values);
      const label = (name) => parameters.items.get(name).label;
      const shown = Object.entries(values).map(([name, value]) => `${label(name)} ${format(value)}`);
      setStatus(`out of range, moved to ${shown.join(", ")}`);
    },
    moved: ({ values }) => showValues(values),  // by OSC
    margin: ({ ms }) => showMargin(ms),
    error: ({ text }) => setStatus(text, true),
    refused: ({ text }) => {
      state.refused = true;
      setStatus(text, true);
    },
    closed: () => {
      sound?.stop();
      setPlaying(false);
      enable(false);
      if (!state.refused) setStatus("mtcrnn play has ended, or this page slept too long: reload the page", true);
    },
  });
}

function begin(hello) {
  state.hello = hello;
  document.title = `${hello.name} – mtcrnn`;
  $("name").textContent = hello.name;
  const temperature = {
    name: TEMPERATURE,
    label: "sampling temperature",
    low: 0,
    high: hello.most_temperature,
    note: "1 as trained",
  };
  parameters = new Parameters($("parameters"), [...hello.controls, temperature], moved);
  pad = new Pad(parameters);
  const report = (take, samples) => connection.send({ type: "played", take, samples });
  sound = new Sound(hello.sample_rate, hello.channels, hello.fade_s, report);
  recorder = new Recorder(hello.sample_rate, hello.channels);
  visualiser = new Visualiser();
  state.sound = sound;
  showValues({ ...hello.values, [TEMPERATURE]: hello.temperature });
  drawSeed();
  applyPreset();
  showMargin(hello.margin_ms);
  $("speed").textContent = `${hello.rtf.toFixed(1)} × real time`;
  enable(true);
  if (hello.rtf < 1) setStatus("this model is slower than real time here: its sound will have gaps", true);
  else setStatus(`${hello.sample_rate} Hz, ready`);
}

function applyPreset() {
  const asked = preset();
  for (const name of parameters.items.keys()) {
    const value = asked.has(name) ? Number(asked.get(name)) : NaN;
    if (Number.isFinite(value)) parameters.move(name, value);
  }
  if (asked.has(SEED)) $("seed").value = asked.get(SEED);
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
    if (!$("models").hidden) kept.set(MODEL, $("model").value);
    for (const [name, { value }] of parameters.items) kept.set(name, value);
    kept.set(SEED, $("seed").value);
    history.replaceState(null, "", `${location.pathname}${location.search}#${kept}`);
  }, 300);
}

async function start() {
  if (!window.isSecureContext) return setStatus("no sound over plain http:", true);
  try {
    await sound.open();
  } catch (error) {
    return setStatus(`this browser cannot play at ${state.hello.sample_rate} Hz: ${error.message}`, true);
  }
  visualiser.run(sound.analyser, showTiming);
  const seed = $("seed").valueAsNumber;
  connection.send({ type: "start", ...(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 31 ? { seed } : {}) });
}

function started({ seed, take }) {
  Object.assign(state, { seed, take });
  $("seed").value = seed;
  sound.start(take, state.margin);
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
  if (playing) setStatus("playing");
  else if (recorder?.on) record();
}

function receive(block) {
  if (block.take !== state.take) return;
  sound.push(block);
  if (!recorder.push(block)) record();
}

function reseed() {
  drawSeed();
  keepPreset();
  if (state.playing) start();
}

function record() {
  const on = !recorder.on;
  $("record").setAttribute("aria-pressed", String(on));
  if (on) return recorder.start();
  const { samples, first } = recorder.stop();
  if (!samples.length) return setStatus("nothing was recorded: press Start first");
  const { sample_rate: rate, channels } = state.hello;
  const seconds = samples.length / channels / rate;
  const at = first ? `, from ${(first / rate).toFixed(3)} s of the sound on` : "";
  addTake(wav(samples, rate, channels), `${fileStem()}-${state.seed}.wav`, `${seconds.toFixed(1)} s${at}`);
}

async function saveGesture() {
  if (!state.take) return setStatus("nothing has been played yet");
  const answer = await fetch(`/gesture/${state.hello.id}.npy?token=${encodeURIComponent(token())}`);
  if (!answer.ok) throw new Error(answer.statusText);
  const seed = answer.headers.get("Rand-Seed");
  const name = `${fileStem()}-${seed}.npy`;
  const command = `${state.hello.command} --gesture ${name} --rand_seed ${seed} --out ${fileStem()}`;
  addTake(await answer.blob(), name, "the gesture since the start; this command renders the same sound:", command);
}

// The model's name as a file name that browsers and shells leave as it is.
function fileStem() {
  return state.hello.name.replace(/[^\p{L}\p{N}_.-]/gu, "_").replace(/^[.-]+/, "") || "sound";
}

function showTunnelHelp() {
  const port = location.port || "80";
  $("tunnel-command").textContent = `ssh -L ${port}:127.0.0.1:${port} ${location.hostname}`;
  $("tunnel-link").href = `http://127.0.0.1:${port}/${location.search}${location.hash}`;
  $("tunnel-link").textContent = $("tunnel-link").href;
  $("tunnel-help").hidden = false;
}

function showMargin(ms) {
  state.margin = ms;
  $("margin").value = ms;
  $("margin-ms").value = `${ms} ms`;
}

function showTiming() {
  const [middle, late] = [0.5, 0.95].map((q) => quantile(sound.latencies, q));
  if (middle !== undefined) $("latency").textContent = `${middle.toFixed(0)} ms (95%: ${late.toFixed(0)} ms)`;
  $("output-latency").textContent = `${sound.outputMs().toFixed(0)} ms`;
  $("buffered").textContent = `${((1000 * sound.status.buffered) / sound.sampleRate).toFixed(0)} ms`;
  $("underruns").textContent = sound.status.underruns;
}

$("play").onclick = () => (state.playing ? stop() : start());
$("reseed").onclick = reseed;
$("record").onclick = record;
$("save").onclick = () => saveGesture().catch(() => setStatus("the gesture is gone", true));
$("seed").onchange = keepPreset;
$("margin").oninput = () => {
  const ms = Number($("margin").value);
  showMargin(ms);
  connection.send({ type: "margin", ms });
  sound.setMargin(ms);
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input[type=number], select")) return;
  const sliders = [...document.querySelectorAll(".parameter input[type=range]")];
  if (event.key === " " && !event.target.matches("button")) $("play").click();
  else if (event.key === "n") $("reseed").click();
  else if (event.key === "r") $("record").click();
  else if (/^[1-9]$/.test(event.key)) sliders[event.key - 1]?.focus();
  else return;
  event.preventDefault();
});

listModels().catch(() => setStatus("mtcrnn play does not answer: reload the page", true));
