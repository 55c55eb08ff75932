"""OpenAI's own client for Python, unmodified, against Rose's /v1.

Usage: client.py URL RECORDING. Prints what it got, as JSON.
"""

import base64
import json
import sys

from openai import APIStatusError, BadRequestError, NotFoundError, OpenAI

url, recording = sys.argv[1:]
client = OpenAI(base_url=f"{url}/v1", api_key="a-key-of-their-own", max_retries=0)
got = {}

got["models"] = [model.id for model in client.models.list()]
got["model"] = client.models.retrieve(got["models"][0]).id

question = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is the sea like at night?"}]
whole = client.chat.completions.create(model="gpt-4o-mini", messages=question)
got["chat"] = whole.choices[0].message.content
got["chat_finish"] = whole.choices[0].finish_reason
got["chat_tokens"] = whole.usage.total_tokens

pieces, usage = [], None
with client.chat.completions.create(
    model="gpt-4o-mini", messages=question, stream=True, stream_options={"include_usage": True}
) as stream:
    for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            pieces.append(chunk.choices[0].delta.content)
        if chunk.choices and chunk.choices[0].finish_reason:
            got["stream_finish"] = chunk.choices[0].finish_reason
        usage = chunk.usage or usage
got["stream"] = "".join(pieces)
got["stream_pieces"] = len(pieces)
got["stream_tokens"] = usage.total_tokens

for name in ("json", "text", "srt", "vtt", "verbose_json"):
    with open(recording, "rb") as file:
        heard = client.audio.transcriptions.create(model="whisper-1", file=file, response_format=name)
    got[name] = heard if isinstance(heard, str) else heard.text
    if name == "verbose_json":
        got["seconds"] = heard.duration
        got["segments"] = [[one.start, one.end] for one in heard.segments]

got["speech"] = {}
for name in ("mp3", "opus", "aac", "flac", "wav", "pcm"):
    with client.audio.speech.with_streaming_response.create(
        model="tts-1", voice="alloy", input="The sea is calm tonight. The tide is full.", response_format=name
    ) as response:
        got["speech"][name] = base64.b64encode(response.read()).decode()

texts = ["The sea is calm.", "The water is quiet.", "He mended the engine."]
embedded = client.embeddings.create(model="text-embedding-3-small", input=texts)
got["embeddings"] = [one.embedding for one in embedded.data]
floats = client.embeddings.create(model="text-embedding-3-small", input=texts[0], encoding_format="float")
got["floats"] = floats.data[0].embedding

pictures = client.images.generate(model="dall-e-3", prompt="A lighthouse at dusk", size="512x256", n=2)
got["images"] = [one.b64_json for one in pictures.data]


def refusal(of, kind):
    try:
        of()
    except kind as error:
        return [error.status_code, error.body["type"], error.body["code"], error.body["message"]]
    raise AssertionError("it was not refused")


got["errors"] = [
    refusal(lambda: client.chat.completions.create(model="any", messages=[]), BadRequestError),
    refusal(lambda: client.models.retrieve("no-such-model"), NotFoundError),
    refusal(
        lambda: client.audio.transcriptions.create(model="any", file=("a.wav", b"this is no sound at all")),
        BadRequestError,
    ),
    refusal(lambda: client.audio.speech.create(model="any", voice="alloy", input="x" * 5000), BadRequestError),
    refusal(lambda: client.embeddings.create(model="any", input=[]), APIStatusError),
]

json.dump(got, sys.stdout)
