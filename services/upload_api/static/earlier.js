/** The list of images from earlier visits, loaded page by page. */

import { ConnectionLostError, isRequestError } from "./api.js";
import { tileOfImage } from "./tile_content.js";
import { Tile } from "./tile.js";

/** Images per page. */
export const PAGE = 24;

/** Shows the list without the images of this visit. */
export class Earlier {
  #api;
  #isOfThisVisit;
  #on;
  #isMissing = true;
  #cursor = null;
  #shown = new Map();
  #list = document.getElementById("earlier-tiles");
  #none = document.getElementById("none-earlier");
  #more = document.getElementById("more");
  #error = document.getElementById("earlier-error");

  /**
   * @param {Api} api The client that returns the images.
   * @param {function(string): boolean} isOfThisVisit Whether an id is among this visit's uploads.
   * @param {object} on `open` and `renew`, called with an image; `lost`, when the server does not
   *   answer; `keyrefused`, called with a sentence.
   */
  constructor(api, isOfThisVisit, on) {
    this.#api = api;
    this.#isOfThisVisit = isOfThisVisit;
    this.#on = on;
    this.#list.replaceChildren();
    this.#more.onclick = () => this.#showMore();
  }

  /** Shows the first page, which is requested unless it is given. */
  async begin(page = null) {
    if (page) this.#add(page);
    else await this.#next();
  }

  /** Whether the first page is still missing. */
  get isMissing() {
    return this.#isMissing;
  }

  /** Returns the ids of images that are not finished. */
  get awaited() {
    const images = [...this.#shown.values()].map(({ image }) => image);
    return images.filter((image) => image.state === "received").map((image) => image.id);
  }

  /** Updates an image that is in this list. */
  update(image) {
    const known = this.#shown.get(image.id);
    if (!known) return;
    known.image = image;
    known.tile.show(tileOfImage(image));
  }

  async #showMore() {
    const first = await this.#next();
    first?.focus();
  }

  /** Shows the next page; returns its first tile. */
  async #next() {
    this.#more.disabled = true;
    this.#error.textContent = "";
    try {
      return this.#add(await this.#api.images({ limit: PAGE, cursor: this.#cursor }));
    } catch (error) {
      if (!isRequestError(error)) throw error;
      if (error instanceof ConnectionLostError) this.#on.lost();
      if (error.isAboutTheKey) this.#on.keyrefused(error.message);
      else this.#error.textContent = `${error.message} Then press “Show more”.`;
      this.#more.hidden = false;
      return undefined;
    } finally {
      this.#more.disabled = false;
    }
  }

  #add(page) {
    const tiles = [];
    for (const image of page.images) {
      if (this.#shown.has(image.id) || this.#isOfThisVisit(image.id)) continue;
      tiles.push(this.#tileOf(image));
    }
    this.#list.append(...tiles.map((tile) => tile.element));
    this.#isMissing = false;
    this.#cursor = page.next_cursor;
    this.#more.hidden = !this.#cursor;
    this.#none.hidden = this.#shown.size > 0;
    return tiles[0];
  }

  #tileOf(image) {
    const tile = new Tile({
      open: () => this.#on.open(this.#shown.get(image.id).image),
      renew: () => this.#on.renew(image),
    });
    this.#shown.set(image.id, { image, tile });
    tile.show(tileOfImage(image));
    return tile;
  }
}
