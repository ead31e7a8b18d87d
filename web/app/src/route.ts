/** An address to a page. Pure, so that the table of addresses can be tested as one. */

export type Route =
  | { readonly to: "home" }
  | { readonly to: "join"; readonly token: string }
  | { readonly to: "session"; readonly sessionId: string }
  | { readonly to: "signIn" }
  | { readonly to: "recruiter" }
  | { readonly to: "nowhere" };

export function routeOf(path: string, search: string): Route {
  const parts = path.split("/").filter((part) => part !== "");
  if (parts.length === 0) return { to: "home" };
  const [first, second] = parts;
  if (first === "recruiter") return { to: "recruiter" };
  if (first === "sign-in" && parts.length === 1) return { to: "signIn" };
  if (parts.length !== 2 || first !== "interview" || second === undefined) return { to: "nowhere" };
  if (second === "join") return { to: "join", token: (new URLSearchParams(search).get("token") ?? "").trim() };
  try {
    return { to: "session", sessionId: decodeURIComponent(second) };
  } catch {
    return { to: "nowhere" };
  }
}
