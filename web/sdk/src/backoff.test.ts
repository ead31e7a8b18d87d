import { expect, it } from "vitest";
import { SOCKET_BACKOFF, waitMs } from "./backoff.js";

it("doubles, is spread over half of its step, and is bounded", () => {
  const steps = [1, 2, 3, 4, 5, 6, 7, 100, 1e9].map((attempt) => [waitMs(SOCKET_BACKOFF, attempt, 0), waitMs(SOCKET_BACKOFF, attempt, 0.999_999)]);
  expect(steps).toEqual([
    [125, 250], [250, 500], [500, 1_000], [1_000, 2_000], [2_000, 4_000], [4_000, 8_000], [4_000, 8_000], [4_000, 8_000], [4_000, 8_000],
  ]); // prettier-ignore
});
