// The server: what it is asked, with the token of the page's address.

export const token = new URLSearchParams(location.search).get("token") ?? "";
const page = Math.random().toString(36).slice(2);  // this page, among those that are open

function address(path, query = {}) {
  return `${path}?${new URLSearchParams({ token, ...query })}`;
}

async function answered(response) {
  if (!response.ok) throw new Error(await response.text());
  return response;
}

export async function json(path, query) {
  return (await answered(await fetch(address(path, query)))).json();
}

// What is shown; nothing but the numbers of the version and of open pages if `version` is the newest.
export function state(version = "") {
  return json("/state", { page, version });
}

export async function post(path, body) {
  const response = await fetch(address(path), { method: "POST", body: JSON.stringify(body) });
  return (await answered(response)).json();
}

export async function bytes(path) {
  return new Uint8Array(await (await answered(await fetch(address(path)))).arrayBuffer());
}

// The two rows of an array in a .npy file of float32.
export async function rows(path) {
  const data = await bytes(path);
  const header = 10 + data[8] + 256 * data[9];
  const values = new Float32Array(data.slice(header).buffer);
  return [values.subarray(0, values.length / 2), values.subarray(values.length / 2)];
}

export function soundAddress(i, from, seconds) {
  return address(`/sound/${i}`, { from, seconds });
}
