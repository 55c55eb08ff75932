// OpenAI's own client for Node, unmodified, against Rose's /v1.
//
// Usage: client.mjs CLIENT URL RECORDING. Prints what it got, as JSON.

import fs from "node:fs";

const [folder, url, recording] = process.argv.slice(2);
const { default: OpenAI } = await import(`${folder}/node_modules/openai/index.mjs`);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "a-key-of-their-own", maxRetries: 0 });
const got = {};

got.models = [];
for await (const model of client.models.list()) got.models.push(model.id);
got.model = (await client.models.retrieve(got.models[0])).id;

const messages = [
  { role: "system", content: "Be brief." },
  { role: "user", content: "What is the sea like at night?" },
];
const whole = await client.chat.completions.create({ model: "gpt-4o-mini", messages });
got.chat = whole.choices[0].message.content;
got.chat_finish = whole.choices[0].finish_reason;
got.chat_tokens = whole.usage.total_tokens;

const stream = await client.chat.completions.create({
  model: "gpt-4o-mini",
  messages,
  stream: true,
  stream_options: { include_usage: true },
});
const pieces = [];
for await (const chunk of stream) {
  if (chunk.choices[0]?.delta?.content) pieces.push(chunk.choices[0].delta.content);
  got.stream_finish = chunk.choices[0]?.finish_reason ?? got.stream_finish;
  got.stream_tokens = chunk.usage?.total_tokens ?? got.stream_tokens;
}
got.stream = pieces.join("");
got.stream_pieces = pieces.length;

for (const name of ["json", "text", "srt", "vtt", "verbose_json"]) {
  const file = fs.createReadStream(recording);
  const heard = await client.audio.transcriptions.create({ model: "whisper-1", file, response_format: name });
  got[name] = typeof heard === "string" ? heard : heard.text;
  if (name === "verbose_json") {
    got.seconds = heard.duration;
    got.segments = heard.segments.map((one) => [one.start, one.end]);
  }
}

got.speech = {};
for (const name of ["mp3", "opus", "aac", "flac", "wav", "pcm"]) {
  const input = "The sea is calm tonight. The tide is full.";
  const response = await client.audio.speech.create({ model: "tts-1", voice: "alloy", input, response_format: name });
  got.speech[name] = Buffer.from(await response.arrayBuffer()).toString("base64");
}

const texts = ["The sea is calm.", "The water is quiet.", "He mended the engine."];
const embedded = await client.embeddings.create({ model: "text-embedding-3-small", input: texts });
got.embeddings = embedded.data.map((one) => Array.from(one.embedding));
const floats = await client.embeddings.create({
  model: "text-embedding-3-small",
  input: texts[0],
  encoding_format: "float",
});
got.floats = floats.data[0].embedding;

const pictures = await client.images.generate({
  model: "dall-e-3",
  prompt: "A lighthouse at dusk",
  size: "512x256",
  n: 2,
});
got.images = pictures.data.map((one) => one.b64_json);

async function refusal(asked, kind) {
  try {
    await asked;
  } catch (error) {
    if (!(error instanceof kind)) throw error;
    return [error.status, error.type, error.code, error.error.message];
  }
  throw new Error("it was not refused");
}

const noSound = await OpenAI.toFile(Buffer.from("this is no sound at all"), "a.wav");
got.errors = [
  await refusal(client.chat.completions.create({ model: "any", messages: [] }), OpenAI.BadRequestError),
  await refusal(client.models.retrieve("no-such-model"), OpenAI.NotFoundError),
  await refusal(client.audio.transcriptions.create({ model: "any", file: noSound }), OpenAI.BadRequestError),
  await refusal(
    client.audio.speech.create({ model: "any", voice: "alloy", input: "x".repeat(5000) }),
    OpenAI.BadRequestError,
  ),
  await refusal(client.embeddings.create({ model: "any", input: [] }), OpenAI.APIError),
];

process.stdout.write(JSON.stringify(got));
