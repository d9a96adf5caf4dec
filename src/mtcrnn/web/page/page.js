// A page that holds its models: its data are in an element of its own.

import { run } from "./app.js";
import { Local } from "./local.js";

const { engine, models, worklet } = JSON.parse(document.getElementById("data").textContent);

// Chromium loads no module from a blob: address if the page is a file, Firefox none from a data: address.
async function addModule(context) {
  try {
    await context.audioWorklet.addModule(`data:text/javascript;base64,${btoa(worklet)}`);
  } catch {
    const address = URL.createObjectURL(new Blob([worklet], { type: "text/javascript" }));
    await context.audioWorklet.addModule(address);
  }
}

run(new Local({ engine, models, addModule }), "this page is damaged");
