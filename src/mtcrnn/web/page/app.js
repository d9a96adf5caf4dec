// What the buttons, the keys and presets in the address do, with any player: `remote.js` or `local.js`.

import { Pad } from "./pad.js";
import { Parameters, format } from "./parameters.js";
import { quantile } from "./timing.js";
import { Recorder, addTake, wav } from "./takes.js";
import { Visualiser } from "./visualiser.js";

// The instrument's own settings begin with @, as no parameter's name does.
const [TEMPERATURE, SEED, MODEL] = ["@temperature", "@seed", "@model"];
const $ = (id) => document.getElementById(id);
const state = { playing: false, take: 0, change: 0, hello: null, seed: null };
window.mtcrnn = state;  // for tests and debugging

let player, sound, parameters, pad, recorder, visualiser;

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

// Lists the models of a player and loads one, with which comes the player to use from then on; `silent` is said if there
// is no answer.
export async function run(given, silent) {
  player = given;
  if (!window.isSecureContext) showTunnelHelp();
  try {
    const models = await player.list();
    $("models").hidden = models.length < 2;
    $("model").replaceChildren(...models.map((name) => new Option(name)));
    const asked = preset().get(MODEL);
    $("model").value = models.includes(asked) ? asked : models[0];
    $("model").onchange = () => (location.hash = new URLSearchParams({ [MODEL]: $("model").value }));
    window.onhashchange = () => {  // another preset
      if ((preset().get(MODEL) ?? state.hello?.name) === state.hello?.name) applyPreset();
      else location.reload();
    };
    await player.load($("model").value, handlers);
  } catch (error) {
    setStatus(error instanceof TypeError ? silent : error.message, true);
  }
}

const handlers = {
  hello: begin,
  started,
  stopped: () => setPlaying(false),
  block: (block) => {
    if (!recorder.push(block)) record();
  },
  clamped: ({ values }) => {
    showValues(values);
    const label = (name) => parameters.items.get(name).label;
    const shown = Object.entries(values).map(([name, value]) => `${label(name)} ${format(value)}`);
    setStatus(`out of range, moved to ${shown.join(", ")}`);
  },
  moved: ({ values }) => showValues(values),  // by OSC
  margin: showMargin,
  error: ({ text }) => setStatus(text, true),
  refused: ({ text }) => {
    state.refused = true;
    setStatus(text, true);
  },
  closed: () => {
    setPlaying(false);
    enable(false);
    if (!state.refused) setStatus("mtcrnn play has ended, or this page slept too long: reload the page", true);
  },
};

function begin(hello, chosen) {
  player = chosen;
  state.hello = hello;
  document.title = `${hello.title ?? hello.name} – mtcrnn`;
  $("name").textContent = hello.title ?? hello.name;
  $("about").textContent = hello.about ?? "";
  $("licence").textContent = hello.licence ? `Licence: ${hello.licence}` : "";
  const temperature = {
    name: TEMPERATURE,
    label: "sampling temperature",
    low: 0,
    high: hello.most_temperature,
    note: "1 as trained",
  };
  parameters = new Parameters($("parameters"), [...hello.controls, temperature], moved);
  pad = new Pad(parameters);
  sound = player.sound;
  recorder = new Recorder(hello.sample_rate, hello.channels);
  visualiser = new Visualiser();
  state.sound = sound;
  showValues({ ...hello.values, [TEMPERATURE]: hello.temperature });
  drawSeed();
  applyPreset();
  for (const each of document.querySelectorAll(".remote")) each.hidden = hello.margin_ms === undefined;
  if (hello.margin_ms !== undefined) showMargin(hello.margin_ms);
  $("speed").textContent = speedText(hello.rtf);
  enable(true);
  const gaps = `${hello.rtf.toFixed(2)} × real time here: the sound will have gaps; a smaller net or 16 bits help`;
  if (hello.rtf < 1) setStatus(gaps, true);
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
  player.set(change, name === TEMPERATURE ? { temperature: value } : { values: { [name]: value } });
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
    await player.ready();
  } catch (error) {
    return setStatus(`this browser cannot play at ${state.hello.sample_rate} Hz: ${error.message}`, true);
  }
  visualiser.run(sound.analyser, showTiming);
  const seed = $("seed").valueAsNumber;
  player.start(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 31 ? seed : undefined);
}

function started({ seed, take }) {
  Object.assign(state, { seed, take });
  $("seed").value = seed;
  setPlaying(true);
  keepPreset();
}

function stop() {
  player.stop();
  setPlaying(false);
}

function setPlaying(playing) {
  state.playing = playing;
  $("play").textContent = playing ? "Stop" : "Start";
  $("play").setAttribute("aria-pressed", String(playing));
  if (playing) return setStatus("playing");
  if ($("status").textContent === "playing") setStatus("stopped");
  if (recorder?.on) record();
}

function reseed() {
  drawSeed();
  keepPreset();
  if (state.playing) start();
}

function record() {
  const on = !recorder.on;
  $("record").setAttribute("aria-pressed", String(on));
  player.record(on);
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
  const { blob, seed } = await player.gesture();
  const name = `${fileStem()}-${seed}.npy`;
  const command = `${state.hello.command} --gesture ${name} --rand_seed ${seed} --out ${fileStem()}`;
  addTake(blob, name, "the gesture since the start; this command renders the same sound:", command);
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
  $("margin").value = ms;
  $("margin-ms").value = `${ms} ms`;
}

// How fast the sound is made; share: of a core's time that it takes, where that is known.
function speedText(rtf, share) {
  const busy = share === undefined ? "" : `, ${Math.round(100 * share)}% of a core`;
  return `${rtf.toFixed(1)} × real time${busy}`;
}

function showTiming() {
  $("speed").textContent = speedText(state.hello.rtf, sound.status.share);
  const [middle, late] = [0.5, 0.95].map((q) => quantile(sound.latencies.values, q));
  if (middle !== undefined) $("latency").textContent = `${middle.toFixed(0)} ms (95%: ${late.toFixed(0)} ms)`;
  $("output-latency").textContent = `${sound.outputMs().toFixed(0)} ms`;
  $("buffered").textContent = `${((1000 * sound.status.buffered) / sound.sampleRate).toFixed(0)} ms`;
  $("underruns").textContent = sound.status.underruns ?? "–";
}

$("play").onclick = () => (state.playing ? stop() : start());
$("reseed").onclick = reseed;
$("record").onclick = record;
$("save").onclick = () => saveGesture().catch(() => setStatus("the gesture is gone", true));
$("seed").onchange = keepPreset;
$("margin").oninput = () => {
  const ms = Number($("margin").value);
  showMargin(ms);
  player.setMargin(ms);
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
