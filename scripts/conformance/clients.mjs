// Walks a small journey on Redoubt with the Inspector CLI, the TypeScript SDK and mcp-remote, over HTTP and standard input and
// output, and writes one JSON line a step to FOLDER/clients.jsonl:
//
//   node clients.mjs FOLDER     with REDOUBT_URL, REDOUBT_KEY and REDOUBT_BIN, and FOLDER/clients/node_modules
import { spawnSync } from "node:child_process";
import { appendFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const folder = process.argv[2];
const { REDOUBT_URL: url, REDOUBT_KEY: key, REDOUBT_BIN: redoubt } = process.env;
const modules = join(folder, "clients", "node_modules");
const require = createRequire(join(modules, "x.js"));
const authorization = `Authorization: Bearer ${key}`;

const feature = "A REST API where users sign in with passwords and upload files to S3; PostgreSQL holds accounts.";

// step runs one step and writes down how it went. What the function returns is the step's answer, to the caller too.
async function step(client, name, fn) {
  let answer;
  let ok = true;
  let detail = "";
  try {
    answer = await fn();
    if (typeof answer === "string") detail = answer;
  } catch (e) {
    ok = false;
    detail = e.message.slice(0, 400);
  }
  appendFileSync(join(folder, "clients.jsonl"), JSON.stringify({ client, name, ok, detail }) + "\n");
  console.log(`${ok ? "✓" : "✗"} ${client}: ${name}${ok ? "" : ": " + detail}`);
  return answer;
}

function must(condition, message) {
  if (!condition) throw new Error(message);
}

// The Inspector CLI, one process a call.

function inspect(target, era, args, wantExit = 0) {
  const out = spawnSync(
    process.execPath,
    [join(modules, ".bin", "mcp-inspector"), "--cli", ...target, "--protocol-era", era, "--format", "json", ...args],
    { encoding: "utf8", timeout: 90_000 },
  );
  const said = `exit ${out.status}: ${(out.stderr || out.stdout || "").trim()}`;
  must(out.status === wantExit, said);
  if (wantExit !== 0) return { result: out.stdout.trim() && JSON.parse(out.stdout).result, stderr: out.stderr };
  return { result: JSON.parse(out.stdout).result, stderr: out.stderr };
}

async function inspector(label, target, era, full) {
  const client = `inspector ${label} ${era}`;
  const run = (args, exit) => inspect(target, era, args, exit);
  const call = (tool, args) =>
    run(["--method", "tools/call", "--tool-name", tool, "--tool-args-json", JSON.stringify(args)]).result.structuredContent;

  await step(client, "tools/list --strict", () => {
    const { result, stderr } = run(["--method", "tools/list", "--strict"]);
    must(result.tools.length >= 10, `${result.tools.length} tools`);
    must(stderr.trim() === "", stderr); // a finding that is no error is one all the same
  });
  const job = await step(client, "tools/call generate_threat_model", () => {
    const answer = call("generate_threat_model", { feature_description: feature, wait_seconds: 50 });
    must(answer.result?.model_id, JSON.stringify(answer));
    return answer;
  });
  const model_id = job?.result.model_id;
  await step(client, "tools/call get_threat_model", () => {
    const got = run(["--method", "tools/call", "--tool-name", "get_threat_model", "--tool-arg", `model_id=${model_id}`]);
    must(got.result.structuredContent.model_id === model_id, JSON.stringify(got.result));
  });
  await step(client, "tools/call add_asset, a list as an argument", () => {
    const added = call("add_asset", { model_id, name: "Audit trail", properties: ["I", "A"] });
    must(added.version >= 2, JSON.stringify(added));
  });
  await step(client, "tools/call add_asset, the list as --tool-arg", () => {
    run([
      "--method", "tools/call", "--tool-name", "add_asset", "--tool-arg",
      `model_id=${model_id}`, "name=Session records", 'properties=["C","I"]',
    ]);
  });
  await step(client, "resources/list and templates/list", () => {
    must(run(["--method", "resources/list"]).result.resources.length > 0, "no resources");
    must(run(["--method", "resources/templates/list"]).result.resourceTemplates.length > 0, "no templates");
  });
  await step(client, "resources/read", () => {
    for (const uri of ["redoubt://models", `redoubt://models/${model_id}`, `redoubt://models/${model_id}/diagram.mmd`]) {
      must(run(["--method", "resources/read", "--uri", uri]).result.contents[0].text, uri);
    }
  });
  await step(client, "prompts/list and prompts/get", () => {
    must(run(["--method", "prompts/list"]).result.prompts.length > 0, "no prompts");
    const got = run(["--method", "prompts/get", "--prompt-name", "threat_model_feature", "--prompt-args", "feature=a wiki"]);
    must(got.result.messages[0].content.text.includes("a wiki"), JSON.stringify(got.result));
  });
  await step(client, "a refusal is a tool error", () => {
    const got = run(["--method", "tools/call", "--tool-name", "get_threat_model", "--tool-arg", "model_id=none"], 5);
    must(JSON.parse(got.result.content[0].text).code === "not_found", JSON.stringify(got.result));
  });
}

// The SDK's client over any transport: HTTP, `redoubt mcp`, and mcp-remote in between.

async function sdk(client, transport) {
  const { Client } = require("@modelcontextprotocol/sdk/client/index.js");
  const c = new Client({ name: "conformance-sdk", version: "1" });
  const progress = [];
  const opened = await step(client, "connect", async () => {
    await c.connect(transport, { timeout: 60_000 });
    return true;
  });
  if (!opened) return;
  await step(client, "tools/list", async () => must((await c.listTools()).tools.length >= 10, "too few tools"));
  const made = await step(client, "tools/call generate_threat_model, with progress", async () => {
    const got = await c.callTool({ name: "generate_threat_model", arguments: { feature_description: feature, wait_seconds: 50 } },
      undefined, { timeout: 60_000, onprogress: (p) => progress.push(p) });
    must(got.structuredContent?.result?.model_id, JSON.stringify(got.content));
    must(progress.length > 0, "no progress came");
    return got.structuredContent;
  });
  await step(client, "tools/call add_asset", async () => {
    const got = await c.callTool({ name: "add_asset",
      arguments: { model_id: made.result.model_id, name: "Audit trail", properties: ["I", "A"] } });
    must(!got.isError, JSON.stringify(got.content));
  });
  await step(client, "resources/read", () => c.readResource({ uri: `redoubt://models/${made.result.model_id}` }));
  await step(client, "prompts/get", () => c.getPrompt({ name: "threat_model_feature", arguments: { feature: "a wiki" } }));
  await step(client, "a refusal is a tool error", async () => {
    const got = await c.callTool({ name: "get_threat_model", arguments: { model_id: "none" } });
    must(got.isError && JSON.parse(got.content[0].text).code === "not_found", JSON.stringify(got));
  });
  await c.close();
}

const over = ["--transport", "http", "--header", authorization];
for (const era of ["legacy", "auto", "modern"]) {
  await inspector("http", [url + "?toolsets=all", ...over], era);
  await step(`inspector http ${era}`, "without a key, sign-in is asked for", () => {
    inspect([url, "--transport", "http", "--stored-auth-only"], era, ["--method", "tools/list"], 3);
  });
}
for (const era of ["legacy", "auto", "modern"]) {
  await inspector("stdio", [redoubt, "mcp", "--data", join(folder, "stdio-" + era), "--toolsets", "all"], era);
}

const { StreamableHTTPClientTransport } = require("@modelcontextprotocol/sdk/client/streamableHttp.js");
const { StdioClientTransport } = require("@modelcontextprotocol/sdk/client/stdio.js");
const stdio = (command, ...args) => new StdioClientTransport({ command, args, stderr: "ignore", env: process.env });
await sdk("sdk http", new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { Authorization: `Bearer ${key}` } } }));
await sdk("sdk stdio", stdio(redoubt, "mcp", "--data", join(folder, "stdio-sdk")));
await sdk("mcp-remote", stdio(process.execPath, join(modules, ".bin", "mcp-remote"), url, "--allow-http", "--header", authorization));
process.exit(0); // a client may leave a timer
