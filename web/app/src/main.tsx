/** The driver: the browser's own outside, handed to the way. */

import { Api, Interview, openMicrophone } from "@vivavoce/sdk";
import type { ReactNode } from "react";
import { createRoot } from "react-dom/client";
import { Candidate } from "./App.js";
import { keepPages } from "./offline/register.js";
import { Home, NotFound } from "./pages/Home.js";
import { Problem } from "./pages/Problem.js";
import { routeOf } from "./route.js";
import { CandidateWay } from "./way.js";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/parts.css";
import "./styles/pages.css";

const place = document.getElementById("app");
if (place !== null) {
  const root = createRoot(place);
  const shown = page();
  if (shown instanceof Promise) shown.then((node) => root.render(node), () => root.render(<Problem error={{ status: 0 }} onAgain={() => location.reload()} />));
  else root.render(shown);
}

function page(): Exclude<ReactNode, Promise<unknown>> | Promise<ReactNode> {
  const route = routeOf(location.pathname, location.search);
  switch (route.to) {
    case "home":
      return <Home />;
    case "nowhere":
      return <NotFound />;
    case "recruiter":
      return import("./recruiter/mount.js").then(({ desk }) => desk());
    case "signIn":
      return import("./recruiter/mount.js").then(({ redeem }) => redeem());
    case "join":
    case "session": {
      keepPages();
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
