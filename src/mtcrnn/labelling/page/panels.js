// Lists beside the timeline: the parameters, and the marks of the chosen one.

import { colour } from "./timeline.js";

const $ = (id) => document.getElementById(id);

export const shown = (value) => `${Number(value.toPrecision(3))}`;

// Seconds as minutes and seconds.
export function clock(seconds) {
  const minutes = Math.floor(seconds / 60), rest = (seconds - 60 * minutes).toFixed(1);
  return `${minutes}:${rest.padStart(4, "0")}`;
}

function button(text, action, label = text) {
  const made = document.createElement("button");
  made.textContent = text;
  made.onclick = action;
  made.setAttribute("aria-label", label);
  return made;
}

export function showParameters(parameters, chosen, { choose, remove }) {
  $("parameters").replaceChildren(
    ...parameters.map(({ name, units, low, high, axis }, k) => {
      const row = document.createElement("div"), label = document.createElement("label");
      row.className = "one";
      const radio = Object.assign(document.createElement("input"), {
        type: "radio", name: "parameter", checked: name === chosen, value: name, onchange: () => choose(name),
      });
      const swatch = document.createElement("span");
      swatch.className = "swatch";
      swatch.style.background = colour(k);
      const range = document.createElement("span");
      range.className = "range";
      range.textContent = ` ${shown(low)} to ${shown(high)}${units ? ` ${units}` : ""}${axis === null ? "" : ", an axis of the sound"}`;
      label.append(radio, " ", swatch, name, range);
      row.append(label, button("remove", () => remove(name), `remove ${name}`));
      return row;
    }),
  );
}

// What was said of a place, and a button that takes it back.
function said(text, place, go, remove, contradiction) {
  const row = document.createElement("li"), where = button(text, go);
  where.className = "where";
  row.append(where);
  if (contradiction) row.append(Object.assign(document.createElement("span"), { className: "bad", textContent: contradiction }));
  row.append(button("remove", remove, `remove ${place}`));
  return row;
}

// What was marked and drawn of a parameter; handlers: go(recording, at), unmark(k), undraw(k)
export function showMarks(parameter, { go, unmark, undraw }) {
  if (!parameter) return $("marks").replaceChildren();
  const stretch = (recording, from, to) => `${recording} ${clock(from)}${to === null ? "" : ` to ${clock(to)}`}`;
  const marks = parameter.marks.map(({ recording, at, until, value }, k) => {
    const place = stretch(recording, at, until);
    const others = parameter.amiss?.includes(k) ? `the others say ${shown(parameter.others[k])}` : null;
    return said(`${shown(value)} at ${place}`, `the mark at ${place}`, () => go(recording, at), () => unmark(k), others);
  });
  const drawn = parameter.corrections.map(({ recording, points }, k) => {
    const place = `drawn at ${stretch(recording, points[0][0], points.at(-1)[0])}`;
    return said(place, `what was ${place}`, () => go(recording, points[0][0]), () => undraw(k));
  });
  $("marks").replaceChildren(...marks.reverse(), ...drawn.reverse());
}

// In words: how sure the curve of a parameter is, and what it follows.
export function learnedText(parameter) {
  const { marks, error, follows, low, high, away, varies, axis } = parameter;
  if (axis !== null) return "An axis along which the sound differs most. It needs no marks.";
  const words = [`${marks.length} ${marks.length === 1 ? "mark" : "marks"}`];
  if (away) words.push(`${away} of them in recordings that are not here`);
  if (marks.length > away && !varies) words.push("all of one value: mark a moment that is different");
  if (typeof error === "number") {
    const share = Math.round((100 * error) / (high - low));
    words.push(`what the others say of each is ${shown(error)} off, ${share}% of the range`);
  }
  if (follows?.length) words.push(`it follows ${follows.map(([name, share]) => `${name} (${Math.round(100 * share)}%)`).join(", ")}`);
  return `${words.join("; ")}.`;
}
