// Level meter, waveform and spectrogram of what is heard, drawn from the analyser.

const SPAN_S = 8;  // of the spectrogram

export class Visualiser {
  constructor() {
    this.scope = document.getElementById("scope");
    this.spectrogram = document.getElementById("spectrogram");
    this.level = document.getElementById("level");
    this.levelText = document.getElementById("level-db");
    this.last = 0;
  }

  // Starts drawing, if it has not; onUpdate is called about ten times a second.
  run(analyser, onUpdate) {
    if (this.running) return;
    this.running = true;
    const wave = new Float32Array(analyser.fftSize);
    const bands = new Uint8Array(analyser.frequencyBinCount);
    let updated = 0;
    const draw = (now) => {
      requestAnimationFrame(draw);
      analyser.getFloatTimeDomainData(wave);
      analyser.getByteFrequencyData(bands);
      this.drawScope(wave);
      this.drawSpectrogram(bands, now);
      if (now - updated > 100) {
        updated = now;
        this.showLevel(wave);
        onUpdate();
      }
    };
    requestAnimationFrame(draw);
  }

  fit(canvas) {
    const width = Math.max(1, Math.round(canvas.clientWidth));
    if (canvas.width !== width) canvas.width = width;
    return [canvas.getContext("2d"), width, canvas.height];
  }

  drawScope(wave) {
    const [pen, width, height] = this.fit(this.scope);
    pen.fillStyle = "#111018";
    pen.fillRect(0, 0, width, height);
    pen.strokeStyle = "#ffb27d";
    pen.lineWidth = 1.5;
    pen.beginPath();
    for (let x = 0; x < width; x++) {
      const y = (0.5 - 0.48 * wave[Math.floor((x * wave.length) / width)]) * height;
      x ? pen.lineTo(x, y) : pen.moveTo(x, y);
    }
    pen.stroke();
  }

  // Shifts the picture left by the time that has passed, and draws the newest spectrum into the gap.
  drawSpectrogram(bands, now) {
    const [pen, width, height] = this.fit(this.spectrogram);
    const speed = width / (SPAN_S * 1000);
    const shift = Math.min(width, Math.floor((now - this.last) * speed));
    if (shift < 1) return;
    this.last = this.last && shift < width ? this.last + shift / speed : now;
    pen.drawImage(this.spectrogram, -shift, 0);
    const column = pen.createImageData(shift, height);
    for (let y = 0; y < height; y++) {
      const level = bands[Math.floor(((height - 1 - y) * bands.length) / height)] / 255;
      const blue = 120 * Math.sqrt(level) * (1 - level) + 24;
      const colour = [255 * Math.min(1, 1.6 * level), 255 * level * level, blue, 255];
      for (let x = 0; x < shift; x++) column.data.set(colour, 4 * (y * shift + x));
    }
    pen.putImageData(column, width - shift, 0);
  }

  showLevel(wave) {
    const power = wave.reduce((sum, value) => sum + value * value, 0) / wave.length;
    const db = 10 * Math.log10(power + 1e-12);
    this.level.value = Math.max(-60, db);
    this.levelText.value = db < -100 ? "−∞ dB" : `${db.toFixed(1)} dB`;
  }
}
