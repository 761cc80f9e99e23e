/** The content of a tile for an upload or for an image of the server: texts, no elements. */

import { dimensions, percent, size, typeName } from "./words.js";

const STATES = {
  received: { icon: "bath", words: "Received, being processed" },
  processed: { icon: "done", words: "Processed" },
  rejected: { icon: "warning", words: "Rejected" },
};
const PHASES = {
  refused: { icon: "warning", words: "Not sent", acts: ["remove"] },
  waiting: { icon: "clock", words: "Waiting", acts: ["cancel"] },
  sending: { icon: "up", words: "Sending", acts: ["cancel"] },
  failed: { icon: "warning", words: "Not sent", acts: ["retry", "remove"] },
  cancelled: { icon: "stopped", words: "Cancelled", acts: ["retry", "remove"] },
};

/**
 * The content of a tile.
 *
 * @typedef {object} TileContent
 * @property {string} name File name.
 * @property {string} facts Type and size.
 * @property {string} state Phase of an upload or state of an image.
 * @property {string} icon Symbol in icons.svg.
 * @property {string} words The state in words.
 * @property {string} message What went wrong and what to do, what is still to happen, or "".
 * @property {?number} progress Share of bytes sent, 0 to 1; null when nothing is being sent.
 * @property {string[]} acts Names of the visible buttons.
 * @property {string} preview URL of the local file, or "".
 * @property {object[]} renditions Renditions, smallest first.
 * @property {string} endsAt Time of deletion in ISO 8601, or "".
 */

/** Returns the content for an upload; once it is stored, that for its image. */
export function tileOfUpload(upload) {
  if (upload.phase === "stored") return tileOfImage(upload.image, upload);
  const { icon, words, acts } = PHASES[upload.phase];
  const isSending = upload.phase === "sending";
  const share = Math.min(upload.sentBytes / upload.file.size, 1);
  return {
    name: upload.file.name,
    facts: facts(upload.type, upload.file.size),
    state: upload.phase,
    icon,
    words: isSending ? sendingWords(share) : words,
    message: upload.message,
    progress: isSending ? share : null,
    acts,
    preview: upload.previewUrl,
    renditions: [],
    endsAt: "",
  };
}

/** Returns the content for an image, with the preview of its upload if there is one. */
export function tileOfImage(image, upload = null) {
  const renditions = [...image.renditions].sort((one, other) => one.width_px - other.width_px);
  return {
    name: image.filename || upload?.file.name || "Image without a name",
    facts: facts(image.content_type, image.size_bytes),
    state: image.state,
    ...STATES[image.state],
    message: image.reason_text || image.note || "",
    progress: null,
    acts: renditions.length ? ["open"] : [],
    preview: upload?.previewUrl ?? "",
    renditions,
    endsAt: image.expires_at ?? "",
  };
}

/** Describes a rendition: "medium: 1024 × 683, 141 KiB". */
export function renditionWords(rendition) {
  const { name, width_px: widthPx, height_px: heightPx, size_bytes: bytes } = rendition;
  return `${name}: ${dimensions(widthPx, heightPx)}, ${size(bytes)}`;
}

function sendingWords(share) {
  return share < 1 ? `Sending, ${percent(share)}` : "Sent, being stored";
}

function facts(type, bytes) {
  return [typeName(type), size(bytes)].filter(Boolean).join(" · ");
}
