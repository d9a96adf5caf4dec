// An audio graph: a worklet, then an analyser, then the output. Players extend it.

export class Graph {
  // May be called again after a failure.
  async open() {
    this.opening ??= this.build();
    try {
      await this.opening;
    } catch (error) {
      this.opening = undefined;
      throw error;
    }
    await this.context.resume();
  }

  newContext() {
    return new AudioContext({ sampleRate: this.sampleRate, latencyHint: "interactive" });
  }

  // Needs of a player: sampleRate, channels, addModule(context), processorOptions() and receive(message).
  async build() {
    const context = this.newContext();
    try {
      await this.addModule(context);
      const processorOptions = this.processorOptions();
      const options = { numberOfInputs: 0, outputChannelCount: [this.channels], processorOptions };
      this.node = new AudioWorkletNode(context, "player", options);
    } catch (error) {
      await context.close();  // browsers allow only a few
      throw error;
    }
    this.node.port.onmessage = ({ data }) => this.receive(data);
    this.analyser = new AnalyserNode(context, { fftSize: 2048, smoothingTimeConstant: 0 });
    this.node.connect(this.analyser).connect(context.destination);
    this.context = context;
  }

  // A message to the worklet, if there is one yet.
  post(message) {
    this.node?.port.postMessage(message);
  }

  // The latency of the browser and the device after the audio graph, in ms, as far as they report it.
  outputMs() {
    return this.context ? 1000 * ((this.context.baseLatency || 0) + (this.context.outputLatency || 0)) : 0;
  }
}
