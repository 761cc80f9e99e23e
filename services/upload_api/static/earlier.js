/** The list of images that the server has from earlier visits, a page at a time. */

import { ConnectionLostError, isOfTheRequest } from "./api.js";
import { lookOfImage } from "./looks.js";
import { Tile } from "./tile.js";

/** So many images a page has. */
export const PAGE = 24;

/** Draws the list; images of this visit are left out of it. */
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
   * @param {Api} api Where images are asked for.
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

  /** Draws the first page, asking for it unless it is given. */
  async begin(page = null) {
    if (page) this.#add(page);
    else await this.#next();
  }

  /** Whether the first page could not be drawn yet. */
  get isMissing() {
    return this.#isMissing;
  }

  /** Returns the ids of images that are not finished. */
  get awaited() {
    const images = [...this.#shown.values()].map(({ image }) => image);
    return images.filter((image) => image.state === "received").map((image) => image.id);
  }

  /** Draws an image anew, if it stands in this list. */
  update(image) {
    const known = this.#shown.get(image.id);
    if (!known) return;
    known.image = image;
    known.tile.show(lookOfImage(image));
  }

  async #showMore() {
    const first = await this.#next();
    first?.focus();
  }

  /** Draws the next page; returns its first tile. */
  async #next() {
    this.#more.disabled = true;
    this.#error.textContent = "";
    try {
      return this.#add(await this.#api.images({ limit: PAGE, cursor: this.#cursor }));
    } catch (error) {
      if (!isOfTheRequest(error)) throw error;
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
    tile.show(lookOfImage(image));
    return tile;
  }
}
