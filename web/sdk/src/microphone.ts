/**
 * Asking for a microphone, and saying plainly why there is none.
 *
 * Is: constraints for speech, errors sorted by their remedy. Isn't: words for a person (the page knows the browser).
 */

/** One voice, cleaned by the browser: what the interviewer's ear expects. */
export function speechConstraints(deviceId?: string): MediaStreamConstraints {
  return {
    audio: {
      channelCount: { ideal: 1 },
      echoCancellation: { ideal: true },
      noiseSuppression: { ideal: true },
      autoGainControl: { ideal: true },
      ...(deviceId !== undefined ? { deviceId: { exact: deviceId } } : {}),
    },
    video: false,
  };
}

export type MicrophoneRefusal =
  /** The person or a policy said no. */
  | "denied"
  /** There is no microphone. */
  | "none"
  /** Another program or the system has it. */
  | "busy"
  /** The page is not served over https, or the browser is too old. */
  | "unsupported"
  | "unknown";

export type MicrophoneAnswer =
  | { readonly is: "open"; readonly stream: MediaStream }
  | { readonly is: "refused"; readonly reason: MicrophoneRefusal };

/** The part of `navigator.mediaDevices` that is needed. */
export interface MediaDevicesPort {
  getUserMedia(constraints: MediaStreamConstraints): Promise<MediaStream>;
}

export async function openMicrophone(devices: MediaDevicesPort | undefined, deviceId?: string): Promise<MicrophoneAnswer> {
  if (devices === undefined || typeof devices.getUserMedia !== "function") return { is: "refused", reason: "unsupported" };
  try {
    return { is: "open", stream: await devices.getUserMedia(speechConstraints(deviceId)) };
  } catch (error) {
    return { is: "refused", reason: refusalOf(error) };
  }
}

export function refusalOf(error: unknown): MicrophoneRefusal {
  const name = typeof error === "object" && error !== null && "name" in error ? error.name : null;
  switch (name) {
    case "NotAllowedError":
    case "PermissionDeniedError":
    case "SecurityError":
      return "denied";
    case "NotFoundError":
    case "DevicesNotFoundError":
    case "OverconstrainedError":
      return "none";
    case "NotReadableError":
    case "TrackStartError":
    case "AbortError":
      return "busy";
    case "TypeError":
      return "unsupported";
    default:
      return "unknown";
  }
}
