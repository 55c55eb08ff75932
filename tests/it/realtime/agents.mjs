// OpenAI's own agents client for Node, unmodified, against Rose's /v1/realtime: a conversation in which the model calls a
// function that the client runs.
//
// Usage: agents.mjs CLIENT URL. Prints what happened, as JSON.

const [folder, url] = process.argv.slice(2);
const sdk = `${folder}/node_modules/@openai/agents-realtime/dist/index.mjs`;
const { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession, tool } = await import(sdk);

const got = { calls: [], results: [], sound: 0, replies: [], errors: [] };
const weather = tool({
  name: "get_weather",
  description: "Tells the weather in a city.",
  parameters: {
    type: "object",
    properties: { text: { type: "string" } },
    required: ["text"],
    additionalProperties: false,
  },
  strict: true,
  execute: async ({ text }) => {
    got.calls.push(text);
    return "The sky is clear and there is no wind.";
  },
});
const agent = new RealtimeAgent({ name: "guide", instructions: "Be brief.", tools: [weather] });
const transport = new OpenAIRealtimeWebSocket();
const session = new RealtimeSession(agent, { transport, model: "gpt-realtime" });
session.on("agent_tool_end", (_context, _agent, _tool, result) => got.results.push(result));
session.on("audio", (event) => (got.sound += event.data.byteLength));
session.on("error", (error) => got.errors.push(JSON.stringify(error)));

// The reply to `text` that is said, not the one that calls a function.
async function say(text) {
  const answered = new Promise((resolve) => {
    const listen = (event) => {
      if (event.type !== "response.done") return;
      const message = event.response.output.find((item) => item.type === "message");
      if (!message) return;
      transport.off("*", listen);
      resolve(message.content.map((part) => part.transcript ?? part.text).join(" "));
    };
    transport.on("*", listen);
  });
  session.sendMessage(text);
  got.replies.push(await answered);
}

await session.connect({ apiKey: "a-key-of-their-own", url: `${url.replace("http", "ws")}/v1/realtime?model=rose` });
await say("Hello there.");
await say("Please use get_weather for Lisbon.");
await say("Thank you.");
got.items = session.history.map((item) => item.type);
session.close();
process.stdout.write(JSON.stringify(got));
process.exit(0);
