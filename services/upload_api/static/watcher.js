/** Polls the state of images: one list for all, less often while nothing changes. */

import { ConnectionLostError, ProblemError } from "./api.js";

const FIRST_SECONDS = 1;
const MAX_SECONDS = 15;
const GROWTH = 1.5;
const PAGE = 100;
const MAX_PAGES = 10;

/**
 * Requests the list while there is something to wait for: unfinished images, or a server that does
 * not answer. Events: "image" (detail: an image as it is now), "lost" and "back" for the
 * connection, "trouble" (detail: a sentence, "" when it is over), "keyrefused" (detail: a sentence).
 */
export class Watcher extends EventTarget {
  #images;
  #awaited;
  #timer = 0;
  #seconds = FIRST_SECONDS;
  #isPolling = false;
  #isStopped = false;
  #isLost = false;

  /**
   * @param {function} images Returns a page of images; see `Api.images`.
   * @param {function(): Set<string>} awaited Returns the ids of images that are not finished.
   */
  constructor(images, awaited) {
    super();
    this.#images = images;
    this.#awaited = awaited;
  }

  /** Polls soon: something was sent, or the person is back. */
  wake() {
    this.#seconds = FIRST_SECONDS;
    this.#schedule();
  }

  /** Notes that the server did not answer, and polls until it does. */
  lost() {
    this.#noteLoss();
    this.wake();
  }

  /** Stops polling until `start`. */
  stop() {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /** Polls again after `stop`. */
  start() {
    this.#isStopped = false;
    this.wake();
  }

  #schedule() {
    clearTimeout(this.#timer);
    if (this.#isStopped || this.#isPolling) return;
    if (!this.#isLost && this.#awaited().size === 0) return;
    this.#timer = setTimeout(() => this.#poll(), this.#seconds * 1000);
  }

  async #poll() {
    this.#isPolling = true;
    this.#seconds = Math.min(this.#seconds * GROWTH, MAX_SECONDS);
    try {
      await this.#readUntilFound(this.#awaited());
      this.#noteAnswer("");
    } catch (error) {
      if (this.#isStopped) return;
      this.#handleError(error);
    } finally {
      this.#isPolling = false;
      this.#schedule();
    }
  }

  /** Reads the list, newest first, until every awaited image was found. */
  async #readUntilFound(awaited) {
    let cursor = null;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const found = await this.#images({ limit: awaited.size ? PAGE : 1, cursor });
      if (this.#isStopped) return;
      for (const image of found.images) {
        if (!awaited.delete(image.id)) continue;
        if (image.state !== "received") this.#seconds = FIRST_SECONDS;
        this.dispatchEvent(new CustomEvent("image", { detail: image }));
      }
      cursor = found.next_cursor;
      if (!cursor || awaited.size === 0) return;
    }
  }

  #handleError(error) {
    if (error instanceof ConnectionLostError) {
      this.#noteLoss();
    } else if (!(error instanceof ProblemError)) {
      throw error;
    } else if (error.isAboutTheKey) {
      this.stop();
      this.dispatchEvent(new CustomEvent("keyrefused", { detail: error.message }));
    } else {
      this.#seconds = Math.max(this.#seconds, error.retrySeconds);
      this.#noteAnswer(`${error.message} This page tries again automatically.`);
    }
  }

  #noteLoss() {
    if (this.#isLost) return;
    this.#isLost = true;
    this.dispatchEvent(new CustomEvent("lost"));
  }

  #noteAnswer(trouble) {
    if (this.#isLost) {
      this.#isLost = false;
      this.dispatchEvent(new CustomEvent("back"));
    }
    this.dispatchEvent(new CustomEvent("trouble", { detail: trouble }));
  }
}
