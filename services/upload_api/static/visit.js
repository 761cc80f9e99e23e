/** The list of this visit's uploads: a tile for each, the newest first. */

import { tileOfUpload } from "./tile_content.js";
import { Tile } from "./tile.js";

/** Shows uploads and passes on what their buttons request. */
export class Visit {
  #uploads;
  #on;
  #tiles = new Map();
  #section = document.getElementById("uploads");
  #list = document.getElementById("upload-tiles");

  /**
   * @param {Uploads} uploads The queue.
   * @param {object} on `open` and `renew`, called with an upload; `removed`, called with whether none is left.
   */
  constructor(uploads, on) {
    this.#uploads = uploads;
    this.#on = on;
    this.#list.replaceChildren();
    this.#section.hidden = true;
    uploads.addEventListener("change", ({ detail: upload }) => this.show(upload));
  }

  /** Adds new uploads at the top. */
  add(made) {
    this.#section.hidden = false;
    for (const upload of made) this.#tiles.set(upload, this.#tileOf(upload));
    this.#list.prepend(...made.map((upload) => this.#tiles.get(upload).element));
    for (const upload of made) this.show(upload);
  }

  /** Updates an upload. */
  show(upload) {
    this.#tiles.get(upload)?.show(tileOfUpload(upload));
  }

  #tileOf(upload) {
    return new Tile({
      open: () => this.#on.open(upload),
      renew: () => this.#on.renew(upload),
      shown: () => upload.forgetPreview(),
      cancel: () => this.#uploads.cancel(upload),
      retry: () => this.#uploads.retry(upload),
      remove: () => this.#remove(upload),
    });
  }

  #remove(upload) {
    const element = this.#tiles.get(upload).element;
    const next = element.nextElementSibling ?? element.previousElementSibling;
    this.#uploads.remove(upload);
    this.#tiles.delete(upload);
    element.remove();
    const tile = [...this.#tiles.values()].find((other) => other.element === next);
    if (tile) tile.focus();
    this.#section.hidden = !tile;
    this.#on.removed(tile === undefined);
  }
}
