/** The queue of files: sends three at a time and retries; the server stores each only once. */

import { CancelledError, ConnectionLostError, ProblemError } from "./api.js";
import { contentType, isShowable, objection } from "./rules.js";

const MAX_CONCURRENT = 3;
const MAX_FAILURES = 6;
const HTTP_TOO_SLOW = 408;
const FIRST_PAUSE_SECONDS = 2;
const MAX_PAUSE_SECONDS = 30;

/** One chosen file and its progress. */
export class Upload {
  /** @type {"refused"|"waiting"|"sending"|"stored"|"failed"|"cancelled"} */
  phase = "waiting";
  sentBytes = 0;
  message = "";
  image = null;
  failures = 0;

  constructor(file) {
    this.file = file;
    this.type = contentType(file);
    this.idempotencyKey = randomKey();
    this.message = objection(file);
    if (this.message) this.phase = "refused";
    this.previewUrl = !this.message && isShowable(this.type) ? URL.createObjectURL(file) : "";
  }

  /** Releases the memory of the preview. */
  forgetPreview() {
    if (this.previewUrl) URL.revokeObjectURL(this.previewUrl);
    this.previewUrl = "";
  }

  /** Whether it still has to be sent. */
  get isUnfinished() {
    return this.phase === "waiting" || this.phase === "sending";
  }
}

/**
 * Sends uploads. Events: "change" (detail: an upload), "lost" when there was no answer, "keyrefused"
 * (detail: a sentence); after either of the two it waits for `resume`.
 */
export class Uploads extends EventTarget {
  /** @type {Upload[]} */
  all = [];
  #send;
  #attempts = new Map();
  #isPaused = false;
  #pauses = 0;
  #pauseTimer = 0;

  /** @param {function} send Sends one upload; see `Api.send`. */
  constructor(send) {
    super();
    this.#send = send;
  }

  /** Adds files and returns their uploads, including refused ones. */
  add(files) {
    const made = files.map((file) => new Upload(file));
    this.all.push(...made);
    this.#sendNext();
    return made;
  }

  /** Cancels an upload; the server may have stored it already if all bytes were sent. */
  cancel(upload) {
    this.#set(upload, { phase: "cancelled", message: "" });
    this.#attempts.get(upload)?.cancel();
  }

  /** Retries an upload that failed or was cancelled, with the same idempotency key. */
  retry(upload) {
    this.#set(upload, { phase: "waiting", sentBytes: 0, message: "", failures: 0 });
    this.#sendNext();
  }

  /** Removes an upload that is finished. */
  remove(upload) {
    upload.forgetPreview();
    this.all = this.all.filter((other) => other !== upload);
  }

  /** Cancels unfinished uploads and removes all. */
  clear() {
    for (const upload of this.all) {
      if (upload.isUnfinished) this.cancel(upload);
      upload.forgetPreview();
    }
    this.all = [];
  }

  /** Starts no upload until `resume`. */
  pause() {
    this.#isPaused = true;
  }

  /** Continues after `pause`. */
  resume() {
    this.#isPaused = false;
    this.#sendNext();
  }

  #sendNext() {
    while (!this.#isPaused && !this.#pauseTimer && this.#attempts.size < MAX_CONCURRENT) {
      const next = this.all.find((upload) => upload.phase === "waiting");
      if (!next) return;
      this.#sendOne(next);
    }
  }

  async #sendOne(upload) {
    const attempt = this.#send(upload, (sentBytes) => this.#set(upload, { sentBytes }));
    this.#attempts.set(upload, attempt);
    this.#set(upload, { phase: "sending", sentBytes: 0, message: "" });
    try {
      const image = await attempt.answer;
      this.#pauses = 0;
      this.#set(upload, { phase: "stored", image });
    } catch (error) {
      await this.#handleError(upload, error);
    } finally {
      this.#attempts.delete(upload);
      this.#sendNext();
    }
  }

  async #handleError(upload, error) {
    if (error instanceof CancelledError) return;
    if (error instanceof ConnectionLostError) {
      await this.#handleLostConnection(upload);
    } else if (!(error instanceof ProblemError)) {
      throw error;
    } else if (error.isAboutTheKey) {
      this.#wait(upload, "Waiting for a valid API key.");
      this.pause();
      this.dispatchEvent(new CustomEvent("keyrefused", { detail: error.message }));
    } else if (error.isTemporary) {
      if (error.status === HTTP_TOO_SLOW) upload.failures += 1;
      if (this.#giveUpIfHopeless(upload)) return;
      this.#wait(upload, `${error.message} It will be sent again automatically.`);
      this.#pauseFor(error.retrySeconds);
    } else {
      this.#set(upload, { phase: "failed", message: error.message });
    }
  }

  async #handleLostConnection(upload) {
    const isThere = await isReadable(upload.file);
    if (upload.phase !== "sending") return; // cancelled meanwhile
    if (!isThere) {
      const message = "The file has been changed, moved or deleted. Choose it again.";
      this.#set(upload, { phase: "failed", message });
      return;
    }
    upload.failures += 1;
    if (!this.#giveUpIfHopeless(upload)) {
      this.#wait(upload, "The connection was lost. The file will be sent again automatically.");
    }
    this.pause();
    this.dispatchEvent(new CustomEvent("lost"));
  }

  #giveUpIfHopeless(upload) {
    if (upload.failures < MAX_FAILURES) return false;
    const message = `The connection was lost ${MAX_FAILURES} times while this file was sent. `
      + "Try again with a better connection.";
    this.#set(upload, { phase: "failed", message });
    return true;
  }

  #wait(upload, message) {
    this.#set(upload, { phase: "waiting", sentBytes: 0, message });
  }

  /** Pauses for as long as the server asks, else for a time that doubles while it is busy. */
  #pauseFor(seconds) {
    const backOff = Math.min(FIRST_PAUSE_SECONDS * 2 ** this.#pauses, MAX_PAUSE_SECONDS);
    this.#pauses += 1;
    clearTimeout(this.#pauseTimer);
    this.#pauseTimer = setTimeout(() => {
      this.#pauseTimer = 0;
      this.#sendNext();
    }, (seconds || backOff) * 1000);
  }

  #set(upload, values) {
    Object.assign(upload, values);
    this.dispatchEvent(new CustomEvent("change", { detail: upload }));
  }
}

/** Returns a random idempotency key; `crypto.randomUUID` does not exist without TLS. */
function randomKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function isReadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}
