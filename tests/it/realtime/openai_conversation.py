"""OpenAI's own client, unmodified, in a spoken conversation with Rose: a microphone that runs in real time, and a speaker.

Usage: openai_conversation.py URL RECORDING RECORDING INTERRUPTION   (raw 16-bit samples at 24 kHz)

Says the first recording, hears the answer to its end, says the second, and speaks over that answer. Prints what it heard,
as JSON.
"""

import asyncio
import base64
import json
import sys
import time

from openai import AsyncOpenAI

FRAME = 24_000 // 25 * 2  # 40 ms


class Microphone:
    """Silence, and what it is given to say."""

    def __init__(self, connection):
        self.connection = connection
        self.sound = b""

    async def run(self):
        due = time.monotonic()
        while True:
            frame, self.sound = self.sound[:FRAME], self.sound[FRAME:]
            frame = frame.ljust(FRAME, b"\0")
            await self.connection.input_audio_buffer.append(audio=base64.b64encode(frame).decode())
            due += 0.04
            await asyncio.sleep(max(0.0, due - time.monotonic()))


class Turn:
    def __init__(self):
        self.order = []
        self.transcript = self.deltas = self.said = ""
        self.sound = 0
        self.status = self.reason = None
        self.stages = {}
        self.stopped_at = self.first_audio_after = None


async def turn(connection, microphone, recording, interruption=None):
    """From the person's first word to `response.done`; where it is interrupted, to the end of the answer after that."""
    turn = Turn()
    microphone.sound += recording
    interrupted = False
    async for event in connection:
        if not turn.order or turn.order[-1] != event.type:
            turn.order.append(event.type)
        if event.type == "error":
            raise RuntimeError(event.error.message)
        elif event.type == "input_audio_buffer.speech_stopped":
            turn.stopped_at = time.monotonic()
        elif event.type == "conversation.item.input_audio_transcription.delta":
            turn.deltas += event.delta
        elif event.type == "conversation.item.input_audio_transcription.completed":
            turn.transcript = event.transcript
        elif event.type == "response.output_audio_transcript.delta":
            turn.said += event.delta
        elif event.type == "response.output_audio.delta":
            if turn.sound == 0:
                turn.first_audio_after = time.monotonic() - turn.stopped_at
            turn.sound += len(base64.b64decode(event.delta))
            if interruption and not interrupted:
                interrupted = True
                microphone.sound += interruption
        elif event.type == "rose.stages":
            turn.stages = {stage["stage"]: stage["total_ms"] for stage in event.model_extra["stages"]}
        elif event.type == "response.done":
            turn.status = event.response.status
            turn.reason = getattr(event.response.status_details, "reason", None)
            return turn


async def main():
    url, *recordings = sys.argv[1:]
    first, second, over = (open(recording, "rb").read() for recording in recordings)
    client = AsyncOpenAI(base_url=f"{url}/v1", api_key="none")
    async with client.realtime.connect(model="gpt-realtime") as connection:
        await connection.session.update(
            session={
                "type": "realtime",
                "instructions": "Answer in one or two short sentences.",
                "output_modalities": ["audio"],
                "audio": {
                    "input": {
                        "format": {"type": "audio/pcm", "rate": 24_000},
                        "transcription": {"model": "whisper-1"},
                        "turn_detection": {"type": "server_vad", "interrupt_response": True, "create_response": True},
                    },
                    "output": {"format": {"type": "audio/pcm", "rate": 24_000}, "voice": "marin"},
                },
            }
        )
        microphone = Microphone(connection)
        speaking = asyncio.create_task(microphone.run())
        turns = [await turn(connection, microphone, first)]
        # The answer is heard to its end.
        await asyncio.sleep(turns[0].sound / 48_000 + 0.2)
        turns.append(await turn(connection, microphone, second, interruption=over))
        turns.append(await turn(connection, microphone, b""))
        speaking.cancel()
    print(json.dumps([vars(turn) for turn in turns]))


asyncio.run(asyncio.wait_for(main(), 180))
