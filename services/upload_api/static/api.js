/** The client of the upload API. URLs are relative to the page, which may have any path. */

const ANSWER_SECONDS = 20;
const STALL_SECONDS = 60;
const TEMPORARY = new Set([408, 425, 429, 502, 503, 504]);
const HTTP_UNAUTHORIZED = 401;
const NO_ANSWER = "The server does not answer. Check the connection.";

/** The server answered with a problem; the message says what to do. */
export class ProblemError extends Error {
  /**
   * @param {number} status HTTP status.
   * @param {string} message What was wrong and what to do.
   * @param {number} retrySeconds When the server allows a retry; 0 where it does not say.
   */
  constructor(status, message, retrySeconds) {
    super(message);
    this.status = status;
    this.retrySeconds = retrySeconds;
  }

  /** Whether the same request may succeed later. */
  get isTemporary() {
    return TEMPORARY.has(this.status);
  }

  /** Whether the API key was refused. */
  get isAboutTheKey() {
    return this.status === HTTP_UNAUTHORIZED;
  }
}

/** There was no answer: the network or the server is down. */
export class ConnectionLostError extends Error {}

/** The person cancelled the upload. */
export class CancelledError extends Error {}

/** Returns whether an error is that of a failed request, and not a defect of this page. */
export function isRequestError(error) {
  return error instanceof ProblemError || error instanceof ConnectionLostError;
}

/** The API with one key. */
export class Api {
  #key;

  constructor(key) {
    this.#key = key;
  }

  /** Returns one page of the caller's images, newest first: {images, next_cursor}. */
  images({ limit, cursor = null }) {
    const query = new URLSearchParams({ limit });
    if (cursor) query.set("cursor", cursor);
    return this.#get(`v1/images?${query}`);
  }

  /** Returns one image, with new URLs of its renditions. */
  image(id) {
    return this.#get(`v1/images/${encodeURIComponent(id)}`);
  }

  /**
   * Sends an upload's bytes.
   *
   * @param {Upload} upload What to send.
   * @param {function(number): void} onSent Called with the number of bytes sent so far.
   * @returns {{answer: Promise<object>, cancel: function(): void}} `answer` is the image, or fails
   *   with ProblemError, ConnectionLostError or CancelledError.
   */
  send(upload, onSent) {
    // fetch does not report the progress of an upload; XMLHttpRequest does.
    const request = new XMLHttpRequest();
    const answer = new Promise((resolve, reject) => {
      let stalled = 0;
      const watch = () => {
        clearTimeout(stalled);
        stalled = setTimeout(() => {
          reject(new ConnectionLostError(NO_ANSWER));
          request.abort();
        }, STALL_SECONDS * 1000);
      };
      request.upload.addEventListener("progress", (event) => {
        watch();
        onSent(event.loaded);
      });
      request.addEventListener("load", () => settle(request, resolve, reject));
      request.addEventListener("error", () => reject(new ConnectionLostError(NO_ANSWER)));
      request.addEventListener("abort", () => reject(new CancelledError()));
      request.addEventListener("loadend", () => clearTimeout(stalled));
      request.open("POST", address("v1/images"));
      request.setRequestHeader("Authorization", `Bearer ${this.#key}`);
      request.setRequestHeader("Content-Type", upload.type);
      request.setRequestHeader("X-Filename", encodeURIComponent(upload.file.name.toWellFormed()));
      request.setRequestHeader("Idempotency-Key", upload.idempotencyKey);
      watch();
      request.send(upload.file);
    });
    return { answer, cancel: () => request.abort() };
  }

  async #get(path) {
    let status, text, retryAfter;
    try {
      const response = await fetch(address(path), {
        headers: { Authorization: `Bearer ${this.#key}` },
        cache: "no-store",
        signal: AbortSignal.timeout(ANSWER_SECONDS * 1000),
      });
      [status, retryAfter] = [response.status, response.headers.get("Retry-After")];
      text = await response.text();
    } catch (error) {
      throw new ConnectionLostError(NO_ANSWER, { cause: error });
    }
    return parsedResponse(status, text, retryAfter);
  }
}

function address(path) {
  return new URL(path, document.baseURI).href;
}

function settle(request, resolve, reject) {
  const retryAfter = request.getResponseHeader("Retry-After");
  try {
    resolve(parsedResponse(request.status, request.responseText, retryAfter));
  } catch (error) {
    reject(error);
  }
}

function parsedResponse(status, text, retryAfter) {
  const body = parsed(text);
  if (status >= 200 && status < 300 && body) return body;
  const message = body?.detail || body?.title
    || `The server sent an unexpected answer (HTTP ${status}). Try again; `
      + "tell the platform team if it happens again.";
  throw new ProblemError(status, message, seconds(retryAfter));
}

function parsed(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" ? value : null;
  } catch {
    return null; // not from the API but from a gateway
  }
}

/** Reads a Retry-After header, which is a number of seconds or a date. */
function seconds(retryAfter) {
  if (!retryAfter) return 0;
  if (/^[0-9]+$/.test(retryAfter)) return Number(retryAfter);
  return Math.max(0, (Date.parse(retryAfter) - Date.now()) / 1000) || 0;
}
