// The page of `mtcrnn label`: what buttons and keys do; everything that is said goes to the server at once.

import { json, post, rows, soundAddress, state as readState } from "./api.js";
import { SoundMap } from "./map.js";
import { clock, learnedText, showMarks, showParameters, shown } from "./panels.js";
import { Timeline, colour, valueAt } from "./timeline.js";

const $ = (id) => document.getElementById(id);
const POLL_MS = 2000, HEARD_S = 2, LONGEST_S = 60;
const page = { state: null, chosen: null, curves: new Map() };
window.mtcrnn = page;  // for tests and debugging

let about, timeline;
const audio = new Audio();

function say(text, bad = false) {
  $("status").textContent = text;
  $("status").classList.toggle("bad", bad);
}

const parameter = () => page.state?.parameters.find(({ name }) => name === page.chosen);
const number = (name) => about.recordings.findIndex((recording) => recording.name === name);

// What is said, and who listens.

let said = Promise.resolve();  // until all that was said is saved

function edit(edit) {
  said = said.then(() => send(edit));
  return said;
}

async function send(edit) {
  say("learning …");
  try {
    await show(await post("/edit", { edit, version: page.state.version }));
    say("saved");
  } catch (error) {
    say(error instanceof TypeError ? "mtcrnn label does not answer: what you said last is not saved" : error.message, true);
    if (!(error instanceof TypeError)) await show(await readState());
  }
}

async function show(state) {
  const curves = new Map();
  for (const one of state.parameters) {
    const key = JSON.stringify([one.low, one.high, one.marks, one.corrections]);
    const before = page.curves.get(one.name);
    const values = before?.key === key ? before.values : await rows(`/curve/${encodeURIComponent(one.name)}`);
    curves.set(one.name, { key, values });
  }
  Object.assign(page, { state, curves });
  if (!parameter()) page.chosen = state.parameters.at(-1)?.name ?? null;
  refresh();
}

function refresh() {
  const { state } = page, one = parameter();
  showParameters(state.parameters, page.chosen, {
    choose: (name) => {
      page.chosen = name;
      refresh();
    },
    remove: (name) => edit({ type: "remove parameter", name }),
  });
  showMarks(one, {
    go: (recording, at) => go(timeline.place(number(recording), at)),
    unmark: (index) => edit({ type: "unmark", name: page.chosen, index }),
    undraw: (index) => edit({ type: "undraw", name: page.chosen, index }),
  });
  const markable = Boolean(one) && one.axis === null;
  $("marking").hidden = !markable;
  $("learned").textContent = one ? learnedText(one) : "";
  $("draw").disabled = !one;
  $("undo").disabled = !state.undo;
  $("redo").disabled = !state.redo;
  if (markable) setValue(value() ?? (one.low + one.high) / 2);
  showQuestion(one);
  timeline.curves = state.parameters.map((each, k) => {
    const [values, unsure] = page.curves.get(each.name).values;
    const here = each.marks.filter(({ recording }) => number(recording) >= 0);
    const marks = here.map((mark) => {
      const i = number(mark.recording), index = each.marks.indexOf(mark);
      const until = mark.until === null ? null : timeline.place(i, mark.until);
      return { place: timeline.place(i, mark.at), until, value: mark.value, amiss: each.amiss?.includes(index) };
    });
    const question = each.question && timeline.place(number(each.question.recording), each.question.at);
    return { ...each, values, unsure, marks, question, colour: colour(k), chosen: each.name === page.chosen };
  });
  timeline.skip = Object.entries(state.skip).flatMap(([name, stretches]) => {
    const i = number(name);
    return i < 0 ? [] : stretches.map(([a, b]) => [timeline.place(i, a), timeline.place(i, b)]);
  });
  timeline.redraw();
}

function showQuestion(one) {
  if (!one) return;
  if (one.axis !== null) $("question").textContent = `${one.name} is heard in the sound itself.`;
  else if (one.question) {
    const { recording, at } = one.question;
    $("question").textContent = `What is ${one.name} at ${clock(at)} of ${recording}?`;
  }
}

// The value of the next mark.

function value() {
  return $("number").value === "" ? null : Number($("number").value);
}

function setValue(next) {
  const { low, high } = parameter();
  const inside = Math.min(Math.max(next, low), high);
  $("number").value = shown(inside);
  $("value").value = Math.round((1000 * (inside - low)) / (high - low));
  $("value").setAttribute("aria-valuetext", shown(inside));
}

function mark(next = value()) {
  const one = parameter();
  if (!one || one.axis !== null || next === null) return;
  setValue(next);
  const [from, to] = timeline.selection ?? [timeline.cursor, null];
  const { i, seconds } = timeline.at(from);
  const made = { recording: about.recordings[i].name, at: seconds, value: Number($("number").value) };
  if (to !== null) made.until = Math.min(to - timeline.starts[i], about.recordings[i].seconds);
  edit({ type: "mark", name: one.name, mark: made });
}

function unmarkHere() {
  const one = parameter();
  if (!one) return;
  const [from, to] = timeline.selection ?? [timeline.cursor - 0.3, timeline.cursor + 0.3];
  const index = one.marks.findIndex(({ recording, at, until }) => {
    const i = number(recording);
    return i >= 0 && timeline.place(i, at) <= to && timeline.place(i, until ?? at) >= from;
  });
  if (index >= 0) edit({ type: "unmark", name: one.name, index });
}

// Stretches (seconds in recording i) to leave out besides those that are.
function skip(i, stretches) {
  const recording = about.recordings[i].name;
  return edit({ type: "skip", recording, stretches: [...(page.state.skip[recording] ?? []), ...stretches] });
}

// Leaves the selected stretch out, or back in if it was left out.
function skipSelection() {
  if (!timeline.selection) return say("select a stretch first: drag over the waveform, or Shift and the arrow keys", true);
  const [from, to] = timeline.selection, { i, seconds } = timeline.at(from), recording = about.recordings[i].name;
  const before = page.state.skip[recording] ?? [], end = seconds + to - from;
  const inside = before.some(([a, b]) => a <= seconds + 1e-6 && b >= end - 1e-6);
  if (!inside) return skip(i, [[seconds, end]]);
  const left = before.flatMap(([a, b]) => [[a, Math.min(b, seconds)], [Math.max(a, end), b]]).filter(([a, b]) => b - a > 1e-6);
  return edit({ type: "skip", recording, stretches: left });
}

async function skipBad() {
  let found = 0;
  for (const [i, { silent, clipped }] of about.recordings.entries()) {
    if (silent.length + clipped.length) await skip(i, [...silent, ...clipped]);
    found += silent.length + clipped.length;
  }
  say(found ? `${found} stretches are left out` : "there is no silence and no clipping");
}

function drawn(points) {
  const one = parameter(), { i } = timeline.at(points[0][0]), { name, seconds } = about.recordings[i];
  const own = points
    .map(([place, share]) => [place - timeline.starts[i], valueAt(one, share)])
    .filter(([at]) => at >= 0 && at <= seconds);
  if (own.length > 1) edit({ type: "draw", name: one.name, correction: { recording: name, points: own } });
}

// Hearing: from a place for some seconds, or to the end of its recording, in parts that the server gives.

function play(from = timeline.cursor, seconds = Infinity) {
  const { i, seconds: at } = timeline.at(from);
  const left = Math.min(seconds, about.recordings[i].seconds - at);
  page.then = left > LONGEST_S ? () => play(from + LONGEST_S, left - LONGEST_S) : null;
  seconds = Math.min(left, LONGEST_S);
  if (seconds < 0.02) return;
  audio.src = soundAddress(i, at.toFixed(3), seconds.toFixed(3));
  page.playing = from;
  audio.play().catch((error) => {
    if (error.name === "NotAllowedError") say("click anywhere once: browsers allow sound only after that", true);
    else if (error.name !== "AbortError") say(`this cannot be played: ${error.message}`, true);
  });
  follow();
}

function stop() {
  audio.pause();
  timeline.playhead = null;
  timeline.redraw();
}

function follow() {
  $("play").textContent = audio.paused ? "Play" : "Stop";
  timeline.playhead = audio.paused ? null : page.playing + audio.currentTime;
  timeline.redraw();
  if (!audio.paused) requestAnimationFrame(follow);
}
audio.onpause = audio.onplay = follow;
audio.onended = () => (page.then ? page.then() : follow());

function toggle() {
  if (!audio.paused) stop();
  else if (timeline.selection) play(timeline.selection[0], timeline.selection[1] - timeline.selection[0]);
  else play();
}

function go(place) {
  timeline.set(place);
  timeline.reveal(place);
}

async function ask() {
  await said;  // the newest question
  const question = parameter()?.question;
  if (!question) return;
  const place = timeline.place(number(question.recording), question.at);
  go(place);
  play(Math.max(place - HEARD_S / 2, timeline.starts[timeline.at(place).i]), HEARD_S);
}

function showPlace() {
  const { i, seconds } = timeline.at(timeline.cursor), { from, seconds: seen } = timeline.view;
  const selected = timeline.selection ? `, ${(timeline.selection[1] - timeline.selection[0]).toFixed(1)} s selected` : "";
  $("place").textContent = `${about.recordings[i].name} ${clock(seconds)}${selected}`;
  $("scroll").value = timeline.total > seen ? (1000 * from) / (timeline.total - seen) : 0;
}

function jump(by) {
  const { i } = timeline.at(timeline.cursor);
  go(timeline.starts[Math.min(Math.max(i + by, 0), about.recordings.length - 1)]);
}

function move(by, selecting) {
  const to = timeline.cursor + by * timeline.view.seconds;
  if (!selecting) return go(to);
  const [from, end] = timeline.selection ?? [timeline.cursor, timeline.cursor];
  timeline.set(from, timeline.inOne(from, Math.max(end + by * timeline.view.seconds, from)));
}

function pencil() {
  timeline.pencil = !timeline.pencil;
  $("draw").setAttribute("aria-pressed", timeline.pencil);
  timeline.canvas.classList.toggle("drawing", timeline.pencil);
}

const KEYS = {
  " ": toggle,
  Enter: () => mark(),
  Delete: unmarkHere,
  Backspace: unmarkHere,
  PageUp: () => jump(-1),
  PageDown: () => jump(1),
  Home: () => go(0),
  End: () => go(timeline.total),
  ArrowLeft: (event) => move(-0.02, event.shiftKey),
  ArrowRight: (event) => move(0.02, event.shiftKey),
  "+": () => timeline.zoom(0.5),
  "=": () => timeline.zoom(0.5),
  "-": () => timeline.zoom(2),
  q: ask,
  d: pencil,
  s: skipSelection,
  Escape: () => timeline.set(timeline.cursor),
};

function key(event) {
  const control = event.ctrlKey || event.metaKey;
  if (control && event.key.toLowerCase() === "z") {
    event.preventDefault();
    return edit({ type: event.shiftKey ? "redo" : "undo" });
  }
  const writing = event.target.matches("input:not([type=radio])") && event.target.id !== "scroll";
  const pressing = event.target.matches("button, input") && [" ", "Enter"].includes(event.key);
  if (control || event.altKey || writing || pressing) return;
  const action = KEYS[event.key];
  if (!action && !/^\d$/.test(event.key)) return;
  event.preventDefault();
  if (action) action(event);
  else if (parameter()) mark(valueAt(parameter(), Number(event.key) / 9));
}

function connect() {
  document.addEventListener("keydown", key);
  $("play").onclick = toggle;
  $("previous").onclick = () => jump(-1);
  $("next").onclick = () => jump(1);
  $("in").onclick = () => timeline.zoom(0.5);
  $("out").onclick = () => timeline.zoom(2);
  $("scroll").oninput = () => timeline.look(($("scroll").value / 1000) * (timeline.total - timeline.view.seconds));
  $("draw").onclick = pencil;
  $("skip").onclick = skipSelection;
  $("skip-bad").onclick = skipBad;
  $("undo").onclick = () => edit({ type: "undo" });
  $("redo").onclick = () => edit({ type: "redo" });
  $("ask").onclick = ask;
  $("mark").onclick = () => mark();
  $("value").oninput = () => setValue(valueAt(parameter(), $("value").value / 1000));
  $("number").onkeydown = (event) => event.key === "Enter" && mark();
  $("add").onsubmit = (event) => {
    event.preventDefault();
    const [name, units] = [$("new-name").value.trim(), $("new-units").value.trim() || null];
    page.chosen = name;
    edit({ type: "add parameter", name, units, low: Number($("new-low").value), high: Number($("new-high").value) });
    $("new-name").value = "";
  };
  $("write").onclick = async () => {
    try {
      const { said } = await post("/write", {});
      $("written").textContent = said;
    } catch (error) {
      $("written").textContent = error.message;
    }
  };
}

async function poll() {
  try {
    const state = await readState(page.state.version);
    if (state.parameters) await show(state);
    if (state.pages > 1) say(`${state.pages} pages label these recordings: all of them change the same labels`);
  } catch {
    say("mtcrnn label does not answer", true);
  }
  setTimeout(poll, POLL_MS);
}

async function begin() {
  about = await json("/recordings");
  timeline = page.timeline = new Timeline(about, {
    cursor: () => timeline && showPlace(),
    point: (place, share) => {
      const one = parameter();
      if (share === null || !one || one.axis !== null) play(place);
      else mark(valueAt(one, share));
    },
    drawn,
  });
  connect();
  await show(await readState());
  if (page.state.parameters.some(({ axis }) => axis !== null)) await showMap();
  showPlace();
  $("play").disabled = false;
  const minutes = timeline.total / 60;
  say(`${about.recordings.length} recordings, ${minutes < 2 ? `${timeline.total.toFixed(0)} s` : `${minutes.toFixed(0)} min`}`);
  setTimeout(poll, POLL_MS);
}

async function showMap() {
  $("map-section").hidden = false;
  const place = (moment) => {
    const i = Math.max(timeline.offsets.findLastIndex((first) => first <= moment), 0);
    return timeline.place(i, (moment - timeline.offsets[i]) / about.moments_hz);
  };
  page.map = new SoundMap(await rows("/axes"), {
    hear: (moment) => play(place(moment), 1),
    go: (moment) => go(place(moment)),
  });
}

begin().catch((error) => say(error.message, true));
