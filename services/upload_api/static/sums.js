/** How the uploads of this visit stand, in one sentence: shown at once, spoken now and then. */

import { count } from "./words.js";

const SPOKEN_EVERY_MS = 3000;

const KINDS = [
  ["sending", "being sent"],
  ["waiting", "waiting to be sent"],
  ["received", "being processed"],
  ["processed", "processed"],
  ["rejected", "rejected"],
  ["failed", "not sent"],
  ["cancelled", "cancelled"],
];

/** Returns the sentence: "5 images: 2 being sent, 3 processed." */
export function sentence(uploads) {
  const numbers = new Map();
  for (const upload of uploads) {
    const kind = kindOf(upload);
    numbers.set(kind, (numbers.get(kind) ?? 0) + 1);
  }
  const parts = KINDS.filter(([kind]) => numbers.has(kind));
  const words = parts.map(([kind, said]) => `${numbers.get(kind)} ${said}`);
  return `${count(uploads.length, "image")}: ${words.join(", ")}.`;
}

/** Writes the sentence to be seen, and to be heard no more often than every few seconds. */
export class Sums {
  #shown = document.getElementById("sum");
  #spoken = document.getElementById("announcement");
  #timer = 0;

  /** Tells how the uploads stand. */
  show(uploads) {
    const said = uploads.length ? sentence(uploads) : "";
    if (said === this.#shown.textContent) return;
    this.#shown.textContent = said;
    if (this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.#spoken.textContent = this.#shown.textContent;
    }, SPOKEN_EVERY_MS);
  }
}

function kindOf(upload) {
  if (upload.phase === "stored") return upload.image.state;
  return upload.phase === "refused" ? "failed" : upload.phase;
}
