/** The driver: the browser's own outside, handed to the way. */

import { Api, Interview, openMicrophone } from "@vivavoce/sdk";
import { createRoot } from "react-dom/client";
import { Candidate } from "./App.js";
import { keepPages } from "./offline.js";
import { Home, NotFound } from "./pages/Home.js";
import { routeOf } from "./route.js";
import { CandidateWay } from "./way.js";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/parts.css";
import "./styles/pages.css";

const place = document.getElementById("app");
if (place !== null) createRoot(place).render(page());

function page() {
  const route = routeOf(location.pathname, location.search);
  switch (route.to) {
    case "home":
      return <Home />;
    case "nowhere":
      return <NotFound />;
    case "join":
    case "session": {
      if (import.meta.env.PROD) keepPages(navigator.serviceWorker);
      const way = candidateWay();
      if (route.to === "join") void way.openInvitation(route.token);
      else void way.openSession(route.sessionId);
      return <Candidate way={way} />;
    }
  }
}

function candidateWay(): CandidateWay {
  return new CandidateWay({
    api: new Api(),
    storage: tabStorage(),
    replaceAddress: (path) => history.replaceState(null, "", path),
    makeInterview: ({ accessToken, session }) => new Interview({ accessToken, sessionId: session.sessionId, relayUrl: session.relayUrl }),
    after: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    microphoneUnasked: async () => {
      try {
        const permission = await navigator.permissions.query({ name: "microphone" });
        if (permission.state !== "granted") return null;
      } catch {
        return null; // A browser that does not tell will ask: that wants a press.
      }
      const answer = await openMicrophone(navigator.mediaDevices);
      return answer.is === "open" ? answer.stream : null;
    },
  });
}

function tabStorage(): Storage | null {
  try {
    return sessionStorage;
  } catch {
    return null;
  }
}
