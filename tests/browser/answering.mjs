/**
 * A microphone made in the page by WebAudio, whose candidate listens: it answers when it has heard the interviewer and then a
 * second of silence, from the decoded sound alone (`ear.mjs`). No turn of it depends on how long anything takes.
 */

/** Runs in the page before its own scripts, after `listen`. */
export function answering() {
  if (navigator.mediaDevices === undefined) return; // The empty page before ours is no secure context.
  const SYLLABLES = 7;
  const SPEECH_S = SYLLABLES * 0.2;
  const QUIET_MS = 1_200;
  const LOUD_S = 0.005; // More than the hiss of a quiet line from one look to the next.
  const PATIENCE_MS = 12_000;
  let voice;
  const start = () => {
    const context = new AudioContext();
    const gate = new GainNode(context, { gain: 0 });
    const throat = new OscillatorNode(context, { type: "sawtooth", frequency: 140 });
    const noise = new AudioBuffer({ length: context.sampleRate, sampleRate: context.sampleRate });
    noise.getChannelData(0).forEach((_, at, samples) => (samples[at] = Math.random() * 0.6 - 0.3));
    const breath = new AudioBufferSourceNode(context, { buffer: noise, loop: true });
    throat.connect(gate);
    breath.connect(gate);
    throat.start();
    breath.start();
    return { context, gate };
  };
  const speak = () => {
    const { context, gate } = voice;
    const from = context.currentTime + 0.02;
    for (let syllable = 0; syllable < SYLLABLES; syllable += 1) {
      gate.gain.setValueAtTime(0.4, from + syllable * 0.2);
      gate.gain.setValueAtTime(0.1, from + syllable * 0.2 + 0.14);
    }
    gate.gain.setValueAtTime(0, from + SPEECH_S + 0.01);
  };
  const heard = window.vivavoceTest;
  heard.answers = 0;
  let spokeAt = -Infinity;
  let loud = 0;
  let loudAt = null;
  const turn = () => {
    const now = performance.now();
    const seconds = heard.ears.reduce((sum, ear) => sum + ear.seconds(), 0);
    if (seconds - loud > LOUD_S) loudAt = now;
    loud = seconds;
    if (now - spokeAt < SPEECH_S * 1_000) return;
    const alone = heard.peers.length === 0; // The device check: nobody to listen to.
    const answer = loudAt !== null && loudAt > spokeAt && now - loudAt > QUIET_MS;
    const forgotten = now - spokeAt > PATIENCE_MS && loudAt !== null && now - loudAt > PATIENCE_MS;
    if ((alone && now - spokeAt > 3_000) || answer || forgotten) {
      spokeAt = now;
      speak();
      if (!alone) heard.answers += 1;
    }
  };
  const capture = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  const captured = [];
  navigator.mediaDevices.getUserMedia = async () => {
    captured.push(await capture({ audio: true }));
    if (voice === undefined) {
      voice = start();
      setInterval(turn, 50);
    }
    const destination = new MediaStreamAudioDestinationNode(voice.context, { channelCount: 1 });
    voice.gate.connect(destination);
    return destination.stream;
  };
}
