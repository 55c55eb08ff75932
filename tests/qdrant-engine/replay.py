"""Does what Qdrant's stand-in was asked, on Qdrant's own engine, and prints what the engine answers.

Arguments: a folder to keep the data in, and a file of JSON: the vectors' width, the indexed fields with their kinds, and
the operations in order. Prints the answers as a JSON list, one for each operation; null for one that only writes.
"""

import json
import sys

import qdrant_edge as engine

# `MatchValue` takes True for the integer 1, so a flag is kept as a word.
WORDS = {True: "yes", False: "no"}
FLAGS = {word: flag for flag, word in WORDS.items()}


def word(value):
    return WORDS[value] if isinstance(value, bool) else value


def stored(payload):
    return {key: word(value) for key, value in payload.items()}


def shown(payload):
    return {key: FLAGS.get(value, value) if isinstance(value, str) else value for key, value in payload.items()}


def conditions(raw):
    return [
        engine.FieldCondition(key=one["key"], match=engine.MatchValue(word(one["value"]))) for one in raw
    ]


def filtered(raw):
    return engine.Filter(must=conditions(raw["must"]), must_not=conditions(raw["must_not"]))


def upsert(shard, points):
    points = [engine.Point(one["id"], one["vector"], stored(one["payload"])) for one in points]
    shard.update(engine.UpdateOperation.upsert_points(points))


def delete(shard, what):
    if "ids" in what:
        shard.update(engine.UpdateOperation.delete_points(what["ids"]))
    else:
        shard.update(engine.UpdateOperation.delete_points_by_filter(filtered(what["filter"])))


def query(shard, what):
    request = engine.QueryRequest(
        query=engine.Query.Nearest(what["vector"]),
        filter=filtered(what["filter"]),
        limit=what["limit"],
        with_payload=True,
        params=engine.SearchParams(exact=True),
    )
    return [{"id": str(one.id), "score": one.score, "payload": shown(one.payload)} for one in shard.query(request)]


def scroll(shard, what):
    request = engine.ScrollRequest(
        offset=what["offset"], limit=what["limit"], filter=filtered(what["filter"]), with_payload=True
    )
    points, following = shard.scroll(request)
    points = [{"id": str(one.id), "payload": shown(one.payload)} for one in points]
    return {"points": points, "next": None if following is None else str(following)}


def retrieve(shard, ids):
    return [{"id": str(one.id), "payload": shown(one.payload)} for one in shard.retrieve(ids, True, False)]


def count(shard, what):
    return shard.count(engine.CountRequest(exact=True, filter=filtered(what)))


def main():
    folder, file = sys.argv[1:]
    with open(file, encoding="utf-8") as opened:
        asked = json.load(opened)
    params = engine.EdgeVectorParams(size=asked["size"], distance=engine.Distance.Cosine)
    shard = engine.EdgeShard.create(folder, engine.EdgeConfig(vectors=params))
    for field, kind in asked["indexes"].items():
        kind = getattr(engine.PayloadSchemaType, kind)
        shard.update(engine.UpdateOperation.create_field_index(field, kind))
    known = {one.__name__: one for one in (upsert, delete, query, scroll, retrieve, count)}
    json.dump([known[one["do"]](shard, one["what"]) for one in asked["operations"]], sys.stdout)
    shard.close()


main()
