"""OpenAI's own client for Python, unmodified, against Rose's /v1 with real models: structured output, a function call,
recordings in messages, word times, a streamed transcription.

Usage: models.py URL RECORDING. Prints what it got, as JSON.
"""

import base64
import json
import sys
from typing import Literal

from openai import OpenAI
from pydantic import BaseModel

url, recording = sys.argv[1:]
client = OpenAI(base_url=f"{url}/v1", api_key="a-key-of-their-own", max_retries=0)
got = {}


class Pet(BaseModel):
    name: str
    kind: Literal["cat", "dog"]
    age: int


question = [{"role": "user", "content": "Mia is a cat and four years old. Who is she?"}]
parsed = client.chat.completions.parse(model="any", messages=question, response_format=Pet, temperature=0, max_tokens=80)
got["pet"] = parsed.choices[0].message.parsed.model_dump()
loose = client.chat.completions.create(
    model="any", messages=question, response_format={"type": "json_object"}, temperature=0, max_tokens=200
)
got["object"] = loose.choices[0].message.content
got["object_finish"] = loose.choices[0].finish_reason

tools = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Tells the weather in a city.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]
messages = [{"role": "user", "content": "What is the weather like in Lisbon?"}]
asked = dict(model="any", tools=tools, tool_choice="required", temperature=0, max_tokens=80)
reply = client.chat.completions.create(messages=messages, **asked).choices[0]
call = reply.message.tool_calls[0]
got["call"] = [call.function.name, json.loads(call.function.arguments), reply.finish_reason, reply.message.content]

name, arguments, finish = "", "", None
for chunk in client.chat.completions.create(messages=messages, stream=True, **asked):
    for part in chunk.choices[0].delta.tool_calls or []:
        name += part.function.name or ""
        arguments += part.function.arguments or ""
    finish = chunk.choices[0].finish_reason or finish
got["streamed_call"] = [name, json.loads(arguments), finish]

messages += [reply.message, {"role": "tool", "tool_call_id": call.id, "content": "Clear, 31 degrees."}]
answer = client.chat.completions.create(model="any", messages=messages, temperature=0, max_tokens=40)
got["answer"] = answer.choices[0].message.content

with open(recording, "rb") as file:
    sound = base64.b64encode(file.read()).decode()
heard = [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": sound, "format": "wav"}}]}]
got["to_audio"] = client.chat.completions.create(model="any", messages=heard, temperature=0, max_tokens=24).usage.prompt_tokens

with open(recording, "rb") as file:
    verbose = client.audio.transcriptions.create(
        model="any", file=file, response_format="verbose_json", timestamp_granularities=["word", "segment"], language="English"
    )
got["words"] = [[word.word, word.start, word.end] for word in verbose.words]
got["segments"] = [segment.model_dump() for segment in verbose.segments]
got["duration"] = verbose.duration

deltas, done = [], None
with open(recording, "rb") as file:
    for event in client.audio.transcriptions.create(model="any", file=file, stream=True, prompt="Americans, country."):
        if event.type == "transcript.text.delta":
            deltas.append(event.delta)
        else:
            done = event.text
got["deltas"], got["done"] = deltas, done

json.dump(got, sys.stdout)
