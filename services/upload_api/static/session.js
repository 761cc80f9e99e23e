/** A person's session with a key: sends files, polls their state, lists earlier uploads. */

import { Api, isRequestError } from "./api.js";
import { Earlier } from "./earlier.js";
import { tileOfImage } from "./tile_content.js";
import { Summary } from "./summary.js";
import { Uploads } from "./uploads.js";
import { Visit } from "./visit.js";
import { Watcher } from "./watcher.js";

const LOST = "No connection to the server. Nothing is lost: sending continues automatically when the "
  + "connection is back.";

/** Connects the upload queue, the poller and the lists. */
export class Session {
  #api;
  #uploads = new Uploads((upload, onSent) => this.#api.send(upload, onSent));
  #watcher = new Watcher((page) => this.#api.images(page), () => this.#awaited());
  #summary = new Summary();
  #visit;
  #earlier;
  #viewer;
  #on;

  /**
   * @param {Viewer} viewer Shows large images.
   * @param {object} on `notice`, called with a sentence about the connection or ""; `keyrefused`,
   *   called with a sentence; `emptied`, when the last upload was removed.
   */
  constructor(viewer, on) {
    this.#viewer = viewer;
    this.#on = on;
    this.#visit = new Visit(this.#uploads, {
      open: (upload) => this.#open(upload.image),
      renew: (upload) => this.#renew(upload.image),
      removed: (isEmpty) => {
        this.#showSummary();
        if (isEmpty) on.emptied();
      },
    });
    this.#listen();
  }

  /**
   * Starts with a key, or continues with another one.
   *
   * @param {string} key The API key.
   * @param {?object} page The first page of images, if it was requested already.
   */
  begin(key, page = null) {
    this.#api = new Api(key);
    this.#earlier = new Earlier(this.#api, (id) => this.#uploadOf(id) !== undefined, {
      open: (image) => this.#open(image),
      renew: (image) => this.#renew(image),
      lost: () => this.#watcher.lost(),
      keyrefused: (problem) => this.#refuseKey(problem),
    });
    this.#load(page);
    this.#uploads.resume();
    this.#watcher.start();
  }

  /** Adds chosen files to the queue. */
  add(files) {
    this.#visit.add(this.#uploads.add(files));
    this.#showSummary();
  }

  /** How many uploads are not finished. */
  get unfinished() {
    return this.#uploads.all.filter((upload) => upload.isUnfinished).length;
  }

  /** Polls soon: the person or the network is back. */
  wake() {
    this.#watcher.wake();
  }

  /** Notes that the network is down. */
  lost() {
    this.#watcher.lost();
  }

  /** Stops everything and clears the list of uploads. */
  end() {
    this.#watcher.stop();
    this.#uploads.pause();
    this.#uploads.clear();
    this.#showSummary();
  }

  #listen() {
    this.#uploads.addEventListener("change", ({ detail: upload }) => {
      if (upload.phase === "stored") this.#watcher.wake();
      this.#showSummary();
    });
    this.#uploads.addEventListener("lost", () => this.#watcher.lost());
    this.#watcher.addEventListener("lost", () => {
      this.#uploads.pause();
      this.#on.notice(LOST);
    });
    this.#watcher.addEventListener("back", () => {
      this.#uploads.resume();
      if (this.#earlier.isMissing) this.#load();
    });
    this.#watcher.addEventListener("trouble", ({ detail }) => this.#on.notice(detail));
    this.#watcher.addEventListener("image", ({ detail: image }) => this.#update(image));
    for (const source of [this.#uploads, this.#watcher]) {
      source.addEventListener("keyrefused", ({ detail }) => this.#refuseKey(detail));
    }
  }

  #refuseKey(problem) {
    this.#uploads.pause();
    this.#watcher.stop();
    this.#on.keyrefused(problem);
  }

  async #load(page = null) {
    await this.#earlier.begin(page);
    this.#watcher.wake();
  }

  #awaited() {
    const images = this.#uploads.all.flatMap(({ image }) => image ?? []);
    const unfinished = images.filter((image) => image.state === "received");
    return new Set([...unfinished.map((image) => image.id), ...(this.#earlier?.awaited ?? [])]);
  }

  #uploadOf(id) {
    return this.#uploads.all.find((upload) => upload.image?.id === id);
  }

  #update(image) {
    const upload = this.#uploadOf(image.id);
    if (upload) {
      upload.image = image;
      this.#visit.show(upload);
      this.#showSummary();
    } else {
      this.#earlier.update(image);
    }
  }

  #open(image) {
    this.#viewer.open(tileOfImage(image).name, () => this.#api.image(image.id));
  }

  /** Requests new URLs of renditions; if that fails, the tile keeps its placeholder. */
  async #renew(image) {
    try {
      this.#update(await this.#api.image(image.id));
    } catch (error) {
      if (!isRequestError(error)) throw error;
    }
  }

  #showSummary() {
    this.#summary.show(this.#uploads.all);
    document.body.classList.toggle("is-busy", this.unfinished > 0);
  }
}
