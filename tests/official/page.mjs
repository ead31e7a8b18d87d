// Runs in the browser: @openai/agents-realtime as published, a whole interview.
import {
  OpenAIRealtimeWebRTC,
  RealtimeAgent,
  RealtimeSession,
  tool,
} from "/node_modules/@openai/agents-realtime/dist/bundle/openai-realtime-agents.mjs";

window.interview = async ({ base, key, insecure }) => {
  const seen = { events: {}, errors: [], ended: null, interrupted: 0, audioEnergy: 0, audioSeconds: 0 };
  let peer;
  const audio = document.createElement("audio");
  const transport = new OpenAIRealtimeWebRTC({
    baseUrl: `${base}/realtime/calls`,
    useInsecureApiKey: insecure,
    audioElement: audio,
    changePeerConnection: (connection) => (peer = connection),
  });
  const ended = new Promise((resolve) => {
    const endSession = tool({
      name: "end_session",
      description: "Ends the interview.",
      parameters: { type: "object", properties: {}, required: [], additionalProperties: false },
      strict: false,
      execute: async () => {
        seen.ended = "by the tool";
        resolve();
        return "ended";
      },
    });
    const agent = new RealtimeAgent({ name: "Interviewer", instructions: "Interview.", tools: [endSession] });
    const session = new RealtimeSession(agent, { transport, model: "gpt-realtime-2.1" });
    session.on("error", (error) => seen.errors.push(JSON.stringify(error)));
    session.on("audio_interrupted", () => (seen.interrupted += 1));
    session.on("transport_event", (event) => (seen.events[event.type] = (seen.events[event.type] ?? 0) + 1));
    window.session = session;
  });
  const started = performance.now();
  await window.session.connect({ apiKey: key });
  seen.connectMs = Math.round(performance.now() - started);
  transport.requestResponse();
  await ended;
  const goodbye = () => seen.events["output_audio_buffer.stopped"] >= 1;
  for (let n = 0; n < 150 && !goodbye(); n++) await new Promise((resolve) => setTimeout(resolve, 100));
  for (const report of (await peer.getStats()).values()) {
    if (report.type === "inbound-rtp") {
      seen.audioEnergy = report.totalAudioEnergy;
      seen.audioSeconds = report.totalSamplesDuration;
      seen.packetsLost = report.packetsLost;
    }
  }
  seen.callId = transport.callId;
  seen.history = window.session.history;
  window.session.close();
  return seen;
};
