import type { Notice } from "@vivavoce/sdk";

/** Says plainly that the interviewer is a simulator, where the relay says so. */
export function SimulatorBanner({ notices }: { notices: readonly Notice[] }) {
  const notice = notices.find((n) => n.code === "simulated");
  if (notice === undefined) return null;
  return (
    <p className="banner" role="note">
      {notice.text === "" ? "The interviewer is a simulator on this machine: no AI service is called, and its written record of your words is a stand-in." : notice.text}
    </p>
  );
}
