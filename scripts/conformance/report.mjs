// Reads what the suites and the clients left in FOLDER, compares it with expected.json, and prints the verdict:
//
//   node report.mjs FOLDER REPOSITORY [--write]
//
// It exits 1 for a failure that expected.json does not explain, and for an explanation whose failure is gone. With --write it
// puts the results between the marks of docs/conformance.md.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [folder, repository, write] = process.argv.slice(2);
const expected = JSON.parse(readFileSync(join(repository, "scripts/conformance/expected.json")));
const problems = [];
const notes = new Map(); // a reason → its number

function version(modules, name) {
  return JSON.parse(readFileSync(join(folder, modules, "node_modules", name, "package.json"))).version;
}

function note(text) {
  if (!notes.has(text)) notes.set(text, notes.size + 1);
  return `[${notes.get(text)}]`;
}

const excused = new Set(); // the explanations that were of use: "suite scenario check", "*" for any check

// excuse returns the explanation of a failed check, if there is one.
function excuse(suite, scenario, check) {
  const entry = expected.find(
    (e) => e.suite === suite && e.scenarios.includes(scenario) && (!e.checks || e.checks.includes(check)),
  );
  if (entry) excused.add(`${suite} ${scenario} ${entry.checks ? check : "*"}`);
  return entry;
}

// verdict is one scenario's result as it is printed.
function verdict(suite, scenario, checks) {
  const of = (status) => checks.filter((c) => c.status === status);
  const [passed, failed, warned] = [of("SUCCESS"), of("FAILURE"), of("WARNING")];
  const reasons = new Set();
  for (const c of failed) {
    const e = excuse(suite, scenario, c.id);
    if (e) reasons.add(`${e.owner}: ${e.why}`);
    else problems.push(`${suite}: ${scenario}: ${c.id}: ${c.errorMessage ?? "failed"}`);
  }
  if (failed.length > 0) {
    const word = failed.some((c) => !excuse(suite, scenario, c.id)) ? "FAILS" : "fails, as expected";
    return `${word} (${failed.length} of ${passed.length + failed.length}) ${[...reasons].map(note).join(" ")}`.trim();
  }
  const doubts = warned.map((c) => note(`a warning of the suite: ${c.errorMessage ?? c.details?.message ?? c.id}`)).join(" ");
  if (passed.length === 0) return `not applicable ${doubts}`.trim();
  return `passes (${passed.length}) ${doubts}`.trim();
}

// suite returns the verdicts of a suite by scenario, in its own order.
function suite(name) {
  const out = new Map();
  const log = readFileSync(join(folder, `${name}.log`), "utf8");
  const summary = log.split("=== SUMMARY ===")[1];
  if (!summary) {
    problems.push(`${name}: the suite did not end:\n${log.slice(-2000)}`);
    return out;
  }
  const folders = readdirSync(join(folder, `${name}-results`));
  for (const [, scenario] of summary.split("\nTotal:")[0].matchAll(/^[✓✗] ([\w-]+):/gm)) {
    const mine = folders.find((f) => f.replace(/-\d{4}-\d\d-\d\dT.*$/, "") === `server-${scenario}`);
    if (!mine) {
      problems.push(`${name}: ${scenario}: there are no results`);
      continue;
    }
    out.set(scenario, verdict(name, scenario, JSON.parse(readFileSync(join(folder, `${name}-results`, mine, "checks.json")))));
  }
  return out;
}

function table(head, rows) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

const stable = suite("stable");
const alpha = suite("alpha");
for (const e of expected) {
  for (const scenario of e.scenarios) {
    for (const check of e.checks ?? ["*"]) {
      if (!excused.has(`${e.suite} ${scenario} ${check}`)) {
        problems.push(`${e.suite}: ${scenario}: ${check} fails no more; take it out of scripts/conformance/expected.json`);
      }
    }
  }
}
const scenarios = [...new Set([...stable.keys(), ...alpha.keys()])];
const suites = table(
  ["scenario", `${version("stable", "@modelcontextprotocol/conformance")}, all`,
    `${version("alpha", "@modelcontextprotocol/conformance")}, 2026-07-28`],
  scenarios.map((s) => [s, stable.get(s) ?? "", alpha.get(s) ?? ""]),
);

// The clients: every step must pass, and every client must have walked some.
const clients = {
  "inspector http legacy": 10, "inspector http auto": 10, "inspector http modern": 10,
  "inspector stdio legacy": 9, "inspector stdio auto": 9, "inspector stdio modern": 9,
  "sdk http": 7, "sdk stdio": 7, "mcp-remote": 7, gosdk: 8,
};
const names = {
  inspector: `Inspector CLI ${version("clients", "@modelcontextprotocol/inspector")},`,
  sdk: `TypeScript SDK ${version("clients", "@modelcontextprotocol/sdk")},`,
  "mcp-remote": `mcp-remote ${version("clients", "mcp-remote")}`,
  gosdk: `Go SDK ${/go-sdk v(\S+)/.exec(readFileSync(join(repository, "internal/conformance/testdata/gosdk/go.mod")))[1]}, http`,
};
const steps = readFileSync(join(folder, "clients.jsonl"), "utf8").trim().split("\n").map((l) => JSON.parse(l));
const walks = new Map(); // the steps, in words → who walked them
const rows = Object.entries(clients).map(([client, least]) => {
  const mine = steps.filter((s) => s.client === client);
  for (const s of mine.filter((s) => !s.ok)) problems.push(`${client}: ${s.name}: ${s.detail}`);
  if (mine.length < least) problems.push(`${client}: ended after ${mine.length} of ${least} steps`);
  const [first, ...rest] = client.split(" ");
  const said = mine.map((s) => s.name + (s.ok && s.detail ? ` (${s.detail})` : "")).join("; ");
  if (!walks.has(said)) walks.set(said, walks.size);
  return [[names[first], ...rest].join(" "), `${mine.filter((s) => s.ok).length} of ${Math.max(least, mine.length)}`, "abcdefghij"[walks.get(said)]];
});
const journeys = table(["client", "steps passed", "journey"], rows) + "\n\n" +
  [...walks].map(([said, i]) => `- ${"abcdefghij"[i]}: ${said}`).join("\n");

const reasons = [...notes].map(([text, n]) => `${n}. ${text}`).join("\n");
console.log([suites, journeys, reasons].join("\n\n"));

if (write === "--write") {
  const file = join(repository, "docs/conformance.md");
  const page = readFileSync(file, "utf8");
  const [from, to] = ["<!-- results -->\n", "<!-- end of results -->"].map((mark) => page.indexOf(mark));
  const body = `\n## Suites\n\n${suites}\n\n${reasons}\n\n## Clients\n\n${journeys}\n\n`;
  writeFileSync(file, page.slice(0, from) + "<!-- results -->\n" + body + page.slice(to));
  console.log(`\nwritten: ${file}`);
}
if (problems.length > 0) {
  console.log(`\n${problems.length} not explained:\n` + problems.map((p) => `  ✗ ${p}`).join("\n"));
  process.exit(1);
}
console.log("\nEverything passes, or fails as scripts/conformance/expected.json explains.");
