/** `@vivavoce/sdk`: everything that a page may use. */

export { Api } from "./api.js";
export type { Redeemed, SessionInfo, SessionStatus, TranscriptEntry } from "./api.js";
export type { Caption, Captions } from "./captions.js";
export { ApiError, Http } from "./http.js";
export type { ApiOptions, Invalid } from "./http.js";
export { Interview } from "./interview.js";
export type { InterviewEvents, InterviewOptions } from "./interview.js";
export type { LegState, LossCause } from "./leg.js";
export type { LinkClosed, LinkState } from "./link.js";
export { openMicrophone, refusalOf, speechConstraints } from "./microphone.js";
export type { MediaDevicesPort, MicrophoneAnswer, MicrophoneRefusal } from "./microphone.js";
export { browserPorts } from "./ports.js";
export type { Ports, SocketHandlers, SocketPort } from "./ports.js";
export type { MakePeer, PeerHandlers, PeerOptions, PeerPort } from "./peer.js";
export type { StoragePort } from "./resume.js";
export { presenceOf, STATE_START } from "./state.js";
export type { InterviewState, MicrophoneState, Notice, PendingWords, Phase, Presence } from "./state.js";
export { qualityOf } from "./stats.js";
export type { Quality, Sample } from "./stats.js";
export { CLOSE, isRecord, number, string, SUBPROTOCOL } from "./wire.js";
export type { EndReason, Fields, ServerLeg, ServerSession, ServerState, Speaker, StatsFrame } from "./wire.js";
