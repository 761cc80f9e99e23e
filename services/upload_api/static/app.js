/** The upload page: asks for a key, then runs one session with it. */

import { Api, isRequestError } from "./api.js";
import { Chooser } from "./chooser.js";
import { PAGE } from "./earlier.js";
import { loadIcons } from "./icons.js";
import { KeyForm } from "./key.js";
import { Session } from "./session.js";
import { Viewer } from "./viewer.js";
import { count } from "./words.js";

const work = document.getElementById("work");
const viewer = new Viewer();
let session = null;

const keyForm = new KeyForm(enter, forget);
const chooser = new Chooser(() => !work.hidden, (files) => session.add(files));

loadIcons();
window.addEventListener("online", () => session?.wake());
window.addEventListener("offline", () => session?.lost());
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) session?.wake();
});
window.addEventListener("beforeunload", (event) => {
  if (session?.unfinished) event.preventDefault();
});

if (KeyForm.stored()) begin(KeyForm.stored());
else keyForm.ask();

/** Checks a key by requesting the first page of images with it. */
async function enter(key) {
  keyForm.setBusy(true);
  try {
    const page = await new Api(key).images({ limit: PAGE });
    begin(key, page);
    chooser.focus();
  } catch (error) {
    if (!isRequestError(error)) throw error;
    keyForm.ask(error.message);
  } finally {
    keyForm.setBusy(false);
  }
}

function begin(key, page = null) {
  notice("");
  keyForm.accept(key);
  work.hidden = false;
  session ??= new Session(viewer, {
    notice,
    keyrefused: (problem) => {
      if (!session.unfinished) close();
      keyForm.ask(problem);
    },
    emptied: () => chooser.focus(),
  });
  session.begin(key, page);
}

function forget() {
  const question = `${count(session.unfinished, "upload")} not finished yet. Cancel and forget the key?`;
  if (session.unfinished && !window.confirm(question)) return;
  close();
  keyForm.ask();
}

function close() {
  session.end();
  session = null;
  viewer.close();
  notice("");
  work.hidden = true;
}

function notice(text) {
  const element = document.getElementById("notice");
  if (element.textContent !== text) element.textContent = text;
}
