// Runs one custom router for the process that started us: frames on stdin and stdout (frames.py), logs on stderr.
"use strict";

const { EventEmitter } = require("node:events");
const path = require("node:path");
const { pathToFileURL } = require("node:url");

const script = process.argv[2];
const MARK = Buffer.from("ccr1");
const HEAD_BYTES = 12;
const BODY_LIMIT_BYTES = 50 * 1024 * 1024; // more than this is no request that the router takes
const SHOWN = 500;

// The channel is ours alone: what the script prints goes to stderr, which the router logs.
const write = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);

function send(header, body = Buffer.alloc(0)) {
  const text = Buffer.from(JSON.stringify(header));
  const head = Buffer.alloc(HEAD_BYTES);
  MARK.copy(head);
  head.writeUInt32BE(text.length, 4);
  head.writeUInt32BE(body.length, 8);
  write(Buffer.concat([head, text, body]));
}

function told(error) {
  let text;
  try {
    text = error instanceof Error ? `${error.name}: ${error.message}` : `threw ${String(error)}`;
  } catch {
    text = "threw something that cannot be shown";
  }
  return text.slice(0, SHOWN);
}

function log(level, parts) {
  const words = parts.map((part) => (typeof part === "string" ? part : part instanceof Error ? told(part) : shown(part)));
  send({ op: "log", level, text: words.join(" ").slice(0, SHOWN) });
}

function shown(value) {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}

function logger() {
  const levels = ["fatal", "error", "warn", "info", "debug", "trace"];
  const made = Object.fromEntries(levels.map((level) => [level, (...parts) => log(level, parts)]));
  return { ...made, level: "info", silent() {}, child: () => logger() };
}

// A stray rejection or a throw in a timer is the script's; the requests under way go on.
process.on("uncaughtException", (error) => log("error", [error]));
process.on("unhandledRejection", (reason) => log("error", [reason]));

let config = {};
let route = null;
const event = new EventEmitter();
event.on("error", () => {}); // an `error` without a listener would throw

async function load() {
  let loaded;
  if (path.extname(script) === ".mjs") {
    loaded = await import(pathToFileURL(script).href);
  } else {
    try {
      loaded = require(script);
    } catch (error) {
      if (error.code !== "ERR_REQUIRE_ESM") throw error;
      loaded = await import(pathToFileURL(script).href);
    }
  }
  for (let depth = 0; depth < 2 && typeof loaded !== "function"; depth += 1) loaded = loaded?.default;
  if (typeof loaded !== "function") {
    throw new Error("it exports no function (module.exports = async (req, config) => …)");
  }
  return loaded;
}

function requestOf(asked, body) {
  return {
    id: asked.id,
    method: "POST",
    url: asked.url,
    originalUrl: asked.url,
    query: Object.fromEntries(new URL(asked.url, "http://router").searchParams),
    params: {},
    headers: asked.headers,
    body,
    tokenCount: asked.tokens,
    sessionId: asked.session || undefined,
    log: logger(),
  };
}

function answerOf(said) {
  if (!said) return "";
  if (typeof said !== "string") throw new Error(`it returned ${shown(said).slice(0, 100)}, not "provider,model" or nothing`);
  if (said.length > 300) throw new Error(`it returned ${said.length} characters, which name no target`);
  return said.trim();
}

// The client's own text counts as edited only when its meaning has changed: white space and escapes stay as they came.
function edited(body, text) {
  const after = JSON.stringify(body);
  if (after === text || after === JSON.stringify(JSON.parse(text))) return Buffer.alloc(0);
  if (after === undefined || body === null || typeof body !== "object" || Array.isArray(body)) {
    throw new Error("it left a req.body that is no object");
  }
  const bytes = Buffer.from(after);
  if (bytes.length > BODY_LIMIT_BYTES) throw new Error("it left a req.body of over 50 MB");
  return bytes;
}

async function ask(asked, text) {
  try {
    const req = requestOf(asked, JSON.parse(text));
    const target = answerOf(await route(req, config, { event }));
    const body = edited(req.body, text);
    send({ op: "answer", id: asked.seq, target }, body);
  } catch (error) {
    send({ op: "answer", id: asked.seq, error: told(error) });
  }
}

function take(header, body) {
  if (header.op === "ask") ask(header, body.toString());
  else if (header.op === "config") config = JSON.parse(body.toString());
  else if (header.op === "ping") send({ op: "pong" });
}

let waiting = [];
let size = 0;
let wanted = HEAD_BYTES;

function feed(chunk) {
  waiting.push(chunk);
  size += chunk.length;
  if (size < wanted) return; // pieces of a large body are put together once
  let rest = Buffer.concat(waiting);
  for (;;) {
    wanted = HEAD_BYTES;
    if (rest.length < HEAD_BYTES) break;
    const headerEnd = HEAD_BYTES + rest.readUInt32BE(4);
    wanted = headerEnd + rest.readUInt32BE(8);
    if (rest.length < wanted) break;
    take(JSON.parse(rest.toString("utf8", HEAD_BYTES, headerEnd)), rest.subarray(headerEnd, wanted));
    rest = rest.subarray(wanted);
  }
  waiting = [rest];
  size = rest.length;
}

load().then(
  (loaded) => {
    route = loaded;
    process.stdin.on("data", feed);
    process.stdin.on("end", () => process.exit(0));
    send({ op: "ready" });
  },
  (error) => send({ op: "broken", error: told(error) }),
);
