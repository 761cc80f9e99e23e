/** A summary of this visit's uploads: shown at once, announced at most every few seconds. */

import { count } from "./words.js";

const ANNOUNCE_EVERY_MS = 3000;

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
  const words = parts.map(([kind, name]) => `${numbers.get(kind)} ${name}`);
  return `${count(uploads.length, "image")}: ${words.join(", ")}.`;
}

/** Shows the sentence, and announces it to screen readers less often. */
export class Summary {
  #shown = document.getElementById("sum");
  #spoken = document.getElementById("announcement");
  #timer = 0;

  /** Updates the sentence. */
  show(uploads) {
    const text = uploads.length ? sentence(uploads) : "";
    if (text === this.#shown.textContent) return;
    this.#shown.textContent = text;
    if (this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.#spoken.textContent = this.#shown.textContent;
    }, ANNOUNCE_EVERY_MS);
  }
}

function kindOf(upload) {
  if (upload.phase === "stored") return upload.image.state;
  return upload.phase === "refused" ? "failed" : upload.phase;
}
