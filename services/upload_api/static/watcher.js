/** Looks again and again what became of images: one list for all, less often while nothing changes. */

import { ConnectionLostError, ProblemError } from "./api.js";

const FIRST_SECONDS = 1;
const LONGEST_SECONDS = 15;
const GROWTH = 1.5;
const PAGE = 100;
const MOST_PAGES = 10;

/**
 * Asks for the list while there is something to wait for: images that are not finished, or a server
 * that does not answer. Events: "image" (detail: an image as it is now), "lost" and "back" for the
 * connection, "trouble" (detail: a sentence, "" when it is over), "keyrefused" (detail: a sentence).
 */
export class Watcher extends EventTarget {
  #images;
  #awaited;
  #timer = 0;
  #seconds = FIRST_SECONDS;
  #isLooking = false;
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

  /** Looks soon: something was sent, or somebody is looking. */
  wake() {
    this.#seconds = FIRST_SECONDS;
    this.#plan();
  }

  /** Notes that the server did not answer, and looks until it does. */
  lost() {
    this.#miss();
    this.wake();
  }

  /** Looks no more, until `go`. */
  stop() {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /** Looks again after `stop`. */
  go() {
    this.#isStopped = false;
    this.wake();
  }

  #plan() {
    clearTimeout(this.#timer);
    if (this.#isStopped || this.#isLooking) return;
    if (!this.#isLost && this.#awaited().size === 0) return;
    this.#timer = setTimeout(() => this.#look(), this.#seconds * 1000);
  }

  async #look() {
    this.#isLooking = true;
    this.#seconds = Math.min(this.#seconds * GROWTH, LONGEST_SECONDS);
    try {
      await this.#lookThrough(this.#awaited());
      this.#answered("");
    } catch (error) {
      if (this.#isStopped) return;
      this.#failed(error);
    } finally {
      this.#isLooking = false;
      this.#plan();
    }
  }

  /** Goes through the list, newest first, until every awaited image was seen. */
  async #lookThrough(awaited) {
    let cursor = null;
    for (let page = 0; page < MOST_PAGES; page += 1) {
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

  #failed(error) {
    if (error instanceof ConnectionLostError) {
      this.#miss();
    } else if (!(error instanceof ProblemError)) {
      throw error;
    } else if (error.isAboutTheKey) {
      this.stop();
      this.dispatchEvent(new CustomEvent("keyrefused", { detail: error.message }));
    } else {
      this.#seconds = Math.max(this.#seconds, error.retrySeconds);
      this.#answered(`${error.message} This page looks again by itself.`);
    }
  }

  #miss() {
    if (this.#isLost) return;
    this.#isLost = true;
    this.dispatchEvent(new CustomEvent("lost"));
  }

  #answered(trouble) {
    if (this.#isLost) {
      this.#isLost = false;
      this.dispatchEvent(new CustomEvent("back"));
    }
    this.dispatchEvent(new CustomEvent("trouble", { detail: trouble }));
  }
}
