/** What one person does with one key: sends, watches, looks at earlier uploads. */

import { Api, isOfTheRequest } from "./api.js";
import { Earlier } from "./earlier.js";
import { lookOfImage } from "./looks.js";
import { Sums } from "./sums.js";
import { Uploads } from "./uploads.js";
import { Visit } from "./visit.js";
import { Watcher } from "./watcher.js";

const LOST = "No connection to the server. Nothing is lost: sending goes on by itself as soon as "
  + "it is back.";

/** Ties the queue, the watcher and the lists together. */
export class Session {
  #api;
  #uploads = new Uploads((upload, onSent) => this.#api.send(upload, onSent));
  #watcher = new Watcher((page) => this.#api.images(page), () => this.#awaited());
  #sums = new Sums();
  #visit;
  #earlier;
  #viewer;
  #on;

  /**
   * @param {Viewer} viewer Where images are shown large.
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
        this.#tell();
        if (isEmpty) on.emptied();
      },
    });
    this.#listen();
  }

  /**
   * Begins with a key, or goes on with another one.
   *
   * @param {string} key The API key.
   * @param {?object} page The first page of images, if it was asked for already.
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
    this.#watcher.go();
  }

  /** Takes chosen files in. */
  add(files) {
    this.#visit.add(this.#uploads.add(files));
    this.#tell();
  }

  /** How many uploads are not finished. */
  get unfinished() {
    return this.#uploads.all.filter((upload) => upload.isUnderWay).length;
  }

  /** Looks soon: somebody is there again, or the network says it is. */
  wake() {
    this.#watcher.wake();
  }

  /** Notes that the network is gone. */
  lost() {
    this.#watcher.lost();
  }

  /** Ends everything and forgets what was sent. */
  end() {
    this.#watcher.stop();
    this.#uploads.pause();
    this.#uploads.clear();
    this.#tell();
  }

  #listen() {
    this.#uploads.addEventListener("change", ({ detail: upload }) => {
      if (upload.phase === "stored") this.#watcher.wake();
      this.#tell();
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
      this.#tell();
    } else {
      this.#earlier.update(image);
    }
  }

  #open(image) {
    this.#viewer.open(lookOfImage(image).name, () => this.#api.image(image.id));
  }

  /** Gets fresh addresses of renditions; where that fails, the tile keeps its placeholder. */
  async #renew(image) {
    try {
      this.#update(await this.#api.image(image.id));
    } catch (error) {
      if (!isOfTheRequest(error)) throw error;
    }
  }

  #tell() {
    this.#sums.show(this.#uploads.all);
    document.body.classList.toggle("is-busy", this.unfinished > 0);
  }
}
