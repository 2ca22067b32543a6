// The page works without this. It announces what htmx has replaced, follows a build, filters plugins, and copies texts.
"use strict";

document.documentElement.classList.add("js");

const EVERY = 1000; // milliseconds between two looks at a build that changes quickly

// What was replaced says in `data-says` what has changed: screen readers hear that and not the whole part.
function announce(part) {
  const news = part.querySelector("[data-says]");
  const said = document.getElementById("said");
  if (news && said && said.textContent !== news.dataset.says) said.textContent = news.dataset.says;
  if (news && news.dataset.title) document.title = news.dataset.title;
}

function tick() {
  for (const each of document.querySelectorAll("[data-since]")) {
    const seconds = Math.max(0, Math.floor(Date.now() / 1000 - Number(each.dataset.since)));
    const minutes = Math.floor(seconds / 60);
    each.textContent = minutes ? ` (${minutes} min ${seconds % 60} s ago)` : ` (${seconds} s ago)`;
  }
}

function addLine(log, at, text) {
  const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  const line = document.createElement("span");
  const time = document.createElement("time");
  const moment = new Date(at * 1000).toISOString();
  time.dateTime = `${moment.slice(0, 19)}Z`;
  time.textContent = moment.slice(11, 19);
  line.append(time, ` ${text}\n`);
  log.append(line);
  if (isAtEnd) log.scrollTop = log.scrollHeight;
}

// Follows a build until it is over. A page that nobody sees holds no connection, of which a browser has few for a
// server: it looks at the build now and then instead.
function follow(part) {
  const log = document.getElementById("log");
  const connection = document.getElementById("connection");
  let last = Number(log.dataset.last);
  let timer = null;
  let source = null;
  let isOver = false;
  const look = () => {
    timer ??= setTimeout(() => {
      timer = null;
      htmx.trigger(part, "refresh");
    }, EVERY);
  };
  const end = () => {
    isOver = true;
    source.close();
    look();
  };
  const listen = () => {
    source?.close();
    if (isOver || document.hidden) return;
    source = new EventSource(`${part.dataset.events}?after=${last}`);
    source.onopen = () => {
      connection.textContent = "";
    };
    source.addEventListener("log", (event) => {
      const number = Number(event.lastEventId);
      if (number <= last) return; // the stream began again
      last = number;
      const { at, text } = JSON.parse(event.data);
      addLine(log, at, text);
    });
    source.addEventListener("state", look);
    source.addEventListener("end", end);
    source.onerror = ({ target }) => {
      connection.textContent = "The connection to the service was lost. Trying again.";
      if (target.readyState === EventSource.CLOSED && target === source) setTimeout(listen, 3 * EVERY);
    };
  };
  document.addEventListener("visibilitychange", listen);
  setInterval(() => {
    if (!isOver && document.hidden) look();
  }, 10 * EVERY);
  addEventListener("pagehide", () => source?.close());
  listen();
}

// Hides plugins in which a word of the search does not occur; those that are chosen stay chosen.
function filter(field) {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = [...document.querySelectorAll(".plugins > li")];
  for (const row of rows) {
    const text = row.dataset.text.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
  }
  const shown = rows.filter((row) => !row.hidden).length;
  document.getElementById("found").textContent = words.length ? `${shown} of ${rows.length} plugins` : "";
}

// Where the clipboard is not allowed, the text is selected.
async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
  } catch {
    getSelection().selectAllChildren(source);
    return;
  }
  const text = button.firstChild;
  const before = text.data;
  text.data = "Copied";
  setTimeout(() => {
    text.data = before;
  }, 2 * EVERY);
}

// A part that could not be replaced is out of date, and says so.
function complain(text) {
  const trouble = document.getElementById("trouble");
  trouble.textContent = text;
  trouble.hidden = !text;
}

document.addEventListener("htmx:afterSwap", (event) => {
  complain("");
  announce(event.target);
  tick();
});
document.addEventListener("htmx:responseError", (event) => {
  const wait = event.detail.xhr.getResponseHeader("Retry-After");
  complain(`The service did not show what you asked for (${event.detail.xhr.status}). Reload the page${wait ? ` in ${wait} s` : ""}.`);
});
document.addEventListener("htmx:sendError", () => {
  complain("The service cannot be reached now, so this page may be out of date. Reload it in a moment.");
});
// A page that the browser had kept whole is as old as it was then.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
});

const find = document.getElementById("find");
if (find) {
  find.addEventListener("input", () => filter(find));
  find.addEventListener("change", (event) => event.stopPropagation()); // it changes nothing of the choice
  find.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault();
  });
}
if (!navigator.clipboard) document.documentElement.classList.add("no-clipboard"); // without HTTPS there is none

const log = document.getElementById("log");
if (log) log.scrollTop = log.scrollHeight;
const part = document.querySelector("[data-events]");
if (part) follow(part);
if (document.querySelector("[data-since]")) setInterval(tick, EVERY);
tick();
