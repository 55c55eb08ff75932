// OpenAI's own client for Node, unmodified, against Rose's /v1 with real models: structured output, a function call, word
// times, a streamed transcription.
//
// Usage: models.mjs CLIENT URL RECORDING. Prints what it got, as JSON.

import fs from "node:fs";

const [folder, url, recording] = process.argv.slice(2);
const { default: OpenAI } = await import(`${folder}/node_modules/openai/index.mjs`);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "a-key-of-their-own", maxRetries: 0 });
const got = {};
const completions = client.chat.completions;
const model = "any";
const temperature = 0;

const pet = {
  type: "object",
  properties: { name: { type: "string" }, kind: { type: "string", enum: ["cat", "dog"] }, age: { type: "integer" } },
  required: ["name", "kind", "age"],
  additionalProperties: false,
};
const question = [{ role: "user", content: "Mia is a cat and four years old. Who is she?" }];
const schema = { type: "json_schema", json_schema: { name: "pet", strict: true, schema: pet } };
const parsed = await completions.parse({ model, messages: question, response_format: schema, temperature, max_tokens: 80 });
got.pet = parsed.choices[0].message.parsed;
const format = { type: "json_object" };
const loose = await completions.create({ model, messages: question, response_format: format, temperature, max_tokens: 200 });
got.object = loose.choices[0].message.content;
got.object_finish = loose.choices[0].finish_reason;

const city = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const weather = { name: "get_weather", description: "Tells the weather in a city.", parameters: city };
const messages = [{ role: "user", content: "What is the weather like in Lisbon?" }];
const asked = { model, tools: [{ type: "function", function: weather }], tool_choice: "required", temperature, max_tokens: 80 };
const reply = (await completions.create({ messages, ...asked })).choices[0];
const call = reply.message.tool_calls[0];
got.call = [call.function.name, JSON.parse(call.function.arguments), reply.finish_reason, reply.message.content];

let [name, args, finish] = ["", "", null];
for await (const chunk of await completions.create({ messages, stream: true, ...asked })) {
  for (const part of chunk.choices[0].delta.tool_calls ?? []) {
    name += part.function.name ?? "";
    args += part.function.arguments ?? "";
  }
  finish = chunk.choices[0].finish_reason ?? finish;
}
got.streamed_call = [name, JSON.parse(args), finish];

messages.push(reply.message, { role: "tool", tool_call_id: call.id, content: "Clear, 31 degrees." });
const answer = await completions.create({ model, messages, temperature, max_tokens: 40 });
got.answer = answer.choices[0].message.content;

const data = fs.readFileSync(recording).toString("base64");
const heard = [{ role: "user", content: [{ type: "input_audio", input_audio: { data, format: "wav" } }] }];
got.to_audio = (await completions.create({ model, messages: heard, temperature, max_tokens: 24 })).usage.prompt_tokens;

const transcriptions = client.audio.transcriptions;
const file = () => fs.createReadStream(recording);
const granularities = { response_format: "verbose_json", timestamp_granularities: ["word", "segment"], language: "English" };
const verbose = await transcriptions.create({ model, file: file(), ...granularities });
got.words = verbose.words.map((word) => [word.word, word.start, word.end]);
got.segments = verbose.segments;
got.duration = verbose.duration;

got.deltas = [];
for await (const event of await transcriptions.create({ model, file: file(), stream: true, prompt: "Americans, country." })) {
  if (event.type === "transcript.text.delta") got.deltas.push(event.delta);
  else got.done = event.text;
}

process.stdout.write(JSON.stringify(got));
