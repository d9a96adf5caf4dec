// A voice: the engine as WebAssembly and the memory of one model, see mtcrnn/web/voice.py.

const STEP = 0, REST = 2, BLOCK = 3, SIZE = 4;  // numbers of its clock
const ROOM = 1 << 17;  // bytes before the model's own

export class Voice {
  // module: of WebAssembly; model: { image (bytes), pages, table, count, addresses, values, channels, bands }
  constructor(module, model) {
    this.model = model;
    const memory = new WebAssembly.Memory({ initial: model.pages });
    const stack = new WebAssembly.Global({ value: "i32", mutable: true }, ROOM);
    const { pow, exp, log1p } = Math;
    const env = { __linear_memory: memory, __stack_pointer: stack, pow, expf: exp, log1pf: log1p };
    Object.assign(env, { fmodf: (x, y) => x % y, sched_yield: () => 0 });
    this.run = new WebAssembly.Instance(module, { env }).exports.play;
    const { addresses, values, channels } = model;
    this.bytes = new Uint8Array(memory.buffer);
    this.clock = new BigInt64Array(memory.buffer, addresses.clock, 8);
    this.words = new BigUint64Array(memory.buffer, addresses.words, 4);
    this.count = new BigInt64Array(memory.buffer, model.count, 1);
    this.target = new Float64Array(memory.buffer, addresses.target, values.length);
    this.rows = new Float64Array(memory.buffer, addresses.rows, 3 * values.length);
    this.sound = new Float32Array(memory.buffer, addresses.sound, 4096 * channels);
    this.restart(0, values);
  }

  // From the beginning; values: of the parameters, then the temperature.
  restart(seed, values) {
    this.bytes.fill(0);
    this.bytes.set(this.model.image, ROOM);
    this.words[0] = BigInt(seed);
    this.target.set(values);
    this.rows.set(values, 2 * values.length);
    this.made = 0;  // samples
  }

  // Samples that can be made before the next stretch of 10 ms begins, which goes to the target as it is then.
  get ready() {
    const [step, rest, block, size] = [STEP, REST, BLOCK, SIZE].map((k) => Number(this.clock[k]));
    const { bands } = this.model;
    return (Math.ceil(((block + 1) * size) / bands) - step) * bands + rest;
  }

  get block() {
    return Number(this.clock[BLOCK]);
  }

  // The number of the first sample of the stretch that plays.
  get first() {
    return Number(this.clock[BLOCK] * this.clock[SIZE]);
  }

  // The stretch that plays as a row of a gesture: the parameters at its beginning, and its temperature.
  row() {
    const { length } = this.target;
    return [...this.rows.subarray(length, 2 * length - 1), this.rows[3 * length - 1]];
  }

  // The row that it goes to.
  next() {
    return [...this.rows.subarray(2 * this.target.length)];
  }

  // The next n samples, those of all channels in turn; valid until the next call.
  play(n) {
    this.count[0] = BigInt(n);
    this.run(this.model.table);
    this.made += n;
    return this.sound.subarray(0, n * this.model.channels);
  }
}
