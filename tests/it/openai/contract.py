"""Every field of OpenAI's published request types, as its own client for Python declares them, sent to Rose's /v1 with
values that fit it and values that don't.

Usage: contract.py URL. Prints what broke the contract, as JSON: an optional field that is null counts as left out; a wrong
one is refused by its name, with 400 and `param`; nothing is an error of the server's, and nothing is ignored.
"""

import json
import sys
import typing
import urllib.error
import urllib.request

from openai.types.audio.speech_create_params import SpeechCreateParams
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from openai.types.embedding_create_params import EmbeddingCreateParams
from openai.types.image_generate_params import ImageGenerateParamsNonStreaming

url = sys.argv[1]

MESSAGES = [{"role": "user", "content": "Hello."}]
ENDPOINTS = {
    "/v1/chat/completions": (CompletionCreateParamsNonStreaming, {"model": "any", "messages": MESSAGES}),
    "/v1/embeddings": (EmbeddingCreateParams, {"model": "any", "input": "Hello."}),
    "/v1/audio/speech": (SpeechCreateParams, {"model": "any", "input": "Hello.", "voice": "alloy"}),
    "/v1/images/generations": (ImageGenerateParamsNonStreaming, {"prompt": "A lighthouse."}),
}
# Names for the client's own books and the like: no value of theirs changes an answer.
WITHOUT_EFFECT = {"metadata", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options", "user"}
# Of every kind of JSON, in and out of any range.
VALUES = [True, -7, 0, 10**12, 0.31, "no such thing", "", [], [7], {}, {"no": {"such": "thing"}}]


def post(path, body):
    request = urllib.request.Request(
        url + path, json.dumps(body).encode(), {"content-type": "application/json", "authorization": "Bearer a-long-enough-key"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


broken = []
cases = 0
for path, (kind, base) in ENDPOINTS.items():
    status, answer = post(path, base)
    if status != 200:
        broken.append([path, "the plain request", status, answer.decode()[:200]])
    hints = typing.get_type_hints(kind, include_extras=True)
    for field in hints:
        required = field in base
        if not required:
            cases += 1
            status, answer = post(path, base | {field: None})
            if status != 200:
                broken.append([path, field, None, status, answer.decode()[:200]])
        refused = 0
        for value in VALUES:
            cases += 1
            status, answer = post(path, base | {field: value})
            if status == 200:
                continue
            error = {}
            try:
                error = json.loads(answer)["error"]
            except (ValueError, KeyError):
                pass
            named = (error.get("param") or "").split(".")[0].split("[")[0]
            if status not in (400, 413) or named != field or not error.get("message"):
                broken.append([path, field, value, status, answer.decode()[:200]])
            refused += 1
        if refused == 0 and field not in WITHOUT_EFFECT and field != "model":
            broken.append([path, field, "every value is taken"])
    cases += 1
    status, answer = post(path, base | {"no_such_field": 1})
    if status != 400 or json.loads(answer)["error"]["param"] != "no_such_field":
        broken.append([path, "no_such_field", status, answer.decode()[:200]])

json.dump({"cases": cases, "broken": broken}, sys.stdout)
