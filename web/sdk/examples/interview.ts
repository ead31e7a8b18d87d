/** One interview in thirty lines: `<button id="start">`, `<audio id="voice" autoplay>`, `<pre id="said">` and a token in the address. */
import { Api, Interview, openMicrophone, presenceOf } from "@vivavoce/sdk";

const token = new URLSearchParams(location.search).get("token") ?? "";
const element = (id: string) => document.getElementById(id) as HTMLAudioElement;

element("start").onclick = async () => {
  const api = new Api();
  const { accessToken, invitationId } = await api.redeem(token);
  const { sessionId, relayUrl } = await api.createSession(accessToken, invitationId);

  const microphone = await openMicrophone(navigator.mediaDevices);
  if (microphone.is === "refused") throw new Error(`no microphone: ${microphone.reason}`);

  const interview = new Interview({ sessionId, accessToken, relayUrl });
  interview.on("audio", (voice) => {
    element("voice").srcObject = voice;
  });
  interview.on("ended", ({ reason }) => {
    element("said").append(`\n(ended: ${reason})`);
  });
  interview.subscribe(() => {
    const { captions, phase } = interview.state();
    document.title = `${phase.is}, ${presenceOf(interview.state())}`;
    element("said").textContent = captions.map(({ speaker, text }) => `${speaker}: ${text}`).join("\n");
  });

  interview.join(microphone.stream);
};
