/** The queue of files to send: three at a time, again after a loss, each once on the server. */

import { CancelledError, ConnectionLostError, ProblemError } from "./api.js";
import { contentType, isShowable, objection } from "./rules.js";

const MOST_AT_ONCE = 3;
const MOST_BREAKS = 6;
const HTTP_TOO_SLOW = 408;
const FIRST_HOLD_SECONDS = 2;
const LONGEST_HOLD_SECONDS = 30;

/** One chosen file and how far it is. */
export class Upload {
  /** @type {"refused"|"waiting"|"sending"|"stored"|"failed"|"cancelled"} */
  phase = "waiting";
  sentBytes = 0;
  message = "";
  image = null;
  breaks = 0;

  constructor(file) {
    this.file = file;
    this.type = contentType(file);
    this.idempotencyKey = randomKey();
    this.message = objection(file);
    if (this.message) this.phase = "refused";
    this.previewUrl = !this.message && isShowable(this.type) ? URL.createObjectURL(file) : "";
  }

  /** Gives the preview's memory back. */
  forgetPreview() {
    if (this.previewUrl) URL.revokeObjectURL(this.previewUrl);
    this.previewUrl = "";
  }

  /** Whether it still has to be sent. */
  get isUnderWay() {
    return this.phase === "waiting" || this.phase === "sending";
  }
}

/**
 * Sends uploads. Events: "change" (detail: an upload), "lost" when no answer came, "keyrefused"
 * (detail: a sentence); after either of the two it waits for `resume`.
 */
export class Uploads extends EventTarget {
  /** @type {Upload[]} */
  all = [];
  #send;
  #attempts = new Map();
  #isPaused = false;
  #holds = 0;
  #holdTimer = 0;

  /** @param {function} send Sends one upload; see `Api.send`. */
  constructor(send) {
    super();
    this.#send = send;
  }

  /** Takes files in and returns their uploads, those that are refused included. */
  add(files) {
    const made = files.map((file) => new Upload(file));
    this.all.push(...made);
    this.#sendNext();
    return made;
  }

  /** Takes an upload back; the server may have it already when all its bytes have left. */
  cancel(upload) {
    this.#set(upload, { phase: "cancelled", message: "" });
    this.#attempts.get(upload)?.cancel();
  }

  /** Sends an upload again that failed or was cancelled, under the same idempotency key. */
  retry(upload) {
    this.#set(upload, { phase: "waiting", sentBytes: 0, message: "", breaks: 0 });
    this.#sendNext();
  }

  /** Forgets an upload that is not under way. */
  remove(upload) {
    upload.forgetPreview();
    this.all = this.all.filter((other) => other !== upload);
  }

  /** Forgets everything, and what is under way is cancelled. */
  clear() {
    for (const upload of this.all) {
      if (upload.isUnderWay) this.cancel(upload);
      upload.forgetPreview();
    }
    this.all = [];
  }

  /** Starts nothing more until `resume`. */
  pause() {
    this.#isPaused = true;
  }

  /** Goes on. */
  resume() {
    this.#isPaused = false;
    this.#sendNext();
  }

  #sendNext() {
    while (!this.#isPaused && !this.#holdTimer && this.#attempts.size < MOST_AT_ONCE) {
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
      this.#holds = 0;
      this.#set(upload, { phase: "stored", image });
    } catch (error) {
      await this.#missed(upload, error);
    } finally {
      this.#attempts.delete(upload);
      this.#sendNext();
    }
  }

  async #missed(upload, error) {
    if (error instanceof CancelledError) return;
    if (error instanceof ConnectionLostError) {
      await this.#broken(upload);
    } else if (!(error instanceof ProblemError)) {
      throw error;
    } else if (error.isAboutTheKey) {
      this.#wait(upload, "Waits for a key that the server accepts.");
      this.pause();
      this.dispatchEvent(new CustomEvent("keyrefused", { detail: error.message }));
    } else if (error.isPassing) {
      if (error.status === HTTP_TOO_SLOW) upload.breaks += 1;
      if (this.#givesUp(upload)) return;
      this.#wait(upload, `${error.message} It is sent again by itself.`);
      this.#hold(error.retrySeconds);
    } else {
      this.#set(upload, { phase: "failed", message: error.message });
    }
  }

  async #broken(upload) {
    const isThere = await isReadable(upload.file);
    if (upload.phase !== "sending") return; // taken back meanwhile
    if (!isThere) {
      const message = "The file was changed, moved or deleted meanwhile. Choose it again.";
      this.#set(upload, { phase: "failed", message });
      return;
    }
    upload.breaks += 1;
    if (!this.#givesUp(upload)) {
      this.#wait(upload, "The connection broke. It is sent again by itself.");
    }
    this.pause();
    this.dispatchEvent(new CustomEvent("lost"));
  }

  #givesUp(upload) {
    if (upload.breaks < MOST_BREAKS) return false;
    const message = `The connection broke ${MOST_BREAKS} times while this file was sent. `
      + "Try again on a better line.";
    this.#set(upload, { phase: "failed", message });
    return true;
  }

  #wait(upload, message) {
    this.#set(upload, { phase: "waiting", sentBytes: 0, message });
  }

  /** Starts nothing for as long as the server asks, or longer with each time that it is busy. */
  #hold(seconds) {
    const backOff = Math.min(FIRST_HOLD_SECONDS * 2 ** this.#holds, LONGEST_HOLD_SECONDS);
    this.#holds += 1;
    clearTimeout(this.#holdTimer);
    this.#holdTimer = setTimeout(() => {
      this.#holdTimer = 0;
      this.#sendNext();
    }, (seconds || backOff) * 1000);
  }

  #set(upload, values) {
    Object.assign(upload, values);
    this.dispatchEvent(new CustomEvent("change", { detail: upload }));
  }
}

/** Makes a key that no other upload has; `crypto.randomUUID` is missing where TLS is. */
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
