"""The official `openai` package over WebSocket: connects, hears, is heard, interrupts, ends by the tool.

Environment: SIMULATOR (binary). Exit status 0 when all of it held.
"""

import asyncio
import base64
import json
import math
import os
import struct
import subprocess
import sys

import openai
from openai import AsyncOpenAI

QUESTIONS = 3
TOOL = {"type": "function", "name": "end_session", "description": "Ends the interview.", "parameters": {"type": "object", "properties": {}}}


def tone(ms: int, peak: float) -> bytes:
    """Sound of a voice's loudness, 24 kHz mono."""
    samples = (int(peak * 32767 * math.sin(n * 0.06) * (0.6 + 0.4 * math.sin(n * 0.001))) for n in range(ms * 24))
    return b"".join(struct.pack("<h", s) for s in samples)


async def speak(connection, ms: int) -> None:
    """A turn: sound, then as much quiet as ends it, in pieces of 100 ms."""
    sound = tone(ms, 0.25) + tone(900, 0.0)
    for at in range(0, len(sound), 4800):
        await connection.input_audio_buffer.append(audio=base64.b64encode(sound[at : at + 4800]).decode())


async def interview(client: AsyncOpenAI) -> dict:
    seen: dict = {"types": [], "said": [], "heard": [], "audio": {}, "ended": False}
    async with client.realtime.connect(model="gpt-realtime-2.1") as connection:
        await connection.session.update(
            session={
                "type": "realtime",
                "instructions": "Interview.",
                "output_modalities": ["audio"],
                "tools": [TOOL],
                "audio": {
                    "input": {
                        "transcription": {"model": "gpt-4o-mini-transcribe"},
                        "turn_detection": {"type": "server_vad", "silence_duration_ms": 400},
                    },
                    "output": {"voice": "marin"},
                },
            }
        )
        async for event in connection:
            seen["types"].append(event.type)
            if event.type == "session.updated":
                assert event.session.instructions == "Interview."
                await connection.response.create()
            elif event.type == "error":
                raise AssertionError(f"error: {event.error}")
            elif event.type == "response.output_audio.delta":
                seen["audio"][event.item_id] = seen["audio"].get(event.item_id, 0) + len(base64.b64decode(event.delta)) // 48
            elif event.type == "response.output_audio_transcript.done":
                seen["said"].append(event.transcript)
            elif event.type == "conversation.item.input_audio_transcription.completed":
                seen["heard"].append(event.transcript.strip())
            elif event.type == "response.done":
                assert event.response.usage.total_tokens > 0
                item = event.response.output[-1] if event.response.output else None
                if item is None:
                    break
                if item.type == "function_call":
                    assert item.name == "end_session" and json.loads(item.arguments) == {}
                    seen["ended"] = True
                    output = {"type": "function_call_output", "call_id": item.call_id, "output": "ended"}
                    await connection.conversation.item.create(item=output)
                    await connection.response.create()
                    continue
                if len(seen["said"]) == 2:
                    # The client keeps the play-out clock: cut the second answer after half a second.
                    await connection.conversation.item.truncate(item_id=item.id, content_index=0, audio_end_ms=500)
                await speak(connection, 700 + 100 * len(seen["said"]))
    return seen


async def main(addr: str) -> None:
    client = AsyncOpenAI(api_key="sk-test", base_url=f"http://{addr}/v1", max_retries=0)
    seen = await asyncio.wait_for(interview(client), 60)
    assert seen["ended"], "end_session was never called"
    assert len(seen["said"]) == QUESTIONS + 1, seen["said"]
    assert "simulated interviewer" in seen["said"][0] and "Goodbye" in seen["said"][-1]
    assert [h.split(",")[0] for h in seen["heard"]] == [f"[simulated transcript] turn {n}" for n in range(1, QUESTIONS + 1)], seen["heard"]
    # The stand-in transcripts carry the measured length of the speech.
    for n, words in enumerate(seen["heard"]):
        assert abs(float(words.split("speech of ")[1].split(" ")[0]) - (0.8 + 0.1 * n)) < 0.11, words
    assert "conversation.item.truncated" in seen["types"]
    assert all(ms > 500 for ms in seen["audio"].values()), seen["audio"]
    assert not any(t.startswith("output_audio_buffer") for t in seen["types"])

    secret = await client.realtime.client_secrets.create(session={"type": "realtime", "model": "gpt-realtime-2.1"})
    assert secret.value.startswith("ek_")
    try:
        await client.realtime.calls.create(sdp="v=0", session={"type": "realtime", "model": "gpt-realtime-2.1"})
        raise AssertionError("a broken offer was taken")
    except openai.BadRequestError as error:
        assert error.code == "invalid_offer", error
    schema = {"type": "object", "properties": {"summary": {"type": "string"}}, "required": ["summary"], "additionalProperties": False}
    answer = await client.responses.create(
        model="gpt-5.4-mini", input="…", text={"format": {"type": "json_schema", "name": "summary", "strict": True, "schema": schema}}
    )
    assert "simulated" in json.loads(answer.output_text)["summary"]
    print(f"python: {len(seen['said'])} answers, {len(seen['heard'])} turns, {sum(seen['audio'].values())} ms of sound, {len(seen['types'])} events")


if __name__ == "__main__":
    binary = os.environ.get("SIMULATOR", "../../target/debug/vivavoce-simulator")
    command = [binary, "--listen", "127.0.0.1:0", "--json", "--defaults", json.dumps({"questions": QUESTIONS})]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as simulator:
        try:
            asyncio.run(main(json.loads(simulator.stdout.readline())["addr"]))
        finally:
            simulator.terminate()
    sys.exit(0)
