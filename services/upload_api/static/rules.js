/** What may be sent, checked before it is; the server judges again, by the content. */

import { size } from "./words.js";

export const MOST_BYTES = 10 * 1024 * 1024;

const TYPES = new Map([
  ["image/jpeg", [".jpg", ".jpeg"]],
  ["image/png", [".png"]],
  ["image/webp", [".webp"]],
  ["image/gif", [".gif"]],
  ["image/tiff", [".tif", ".tiff"]],
  ["image/avif", [".avif"]],
]);

/** Returns the content type of a file, by its name where the browser does not know it, or "". */
export function contentType(file) {
  if (TYPES.has(file.type)) return file.type;
  if (file.type) return "";
  const name = file.name.toLowerCase();
  for (const [type, suffixes] of TYPES) {
    if (suffixes.some((suffix) => name.endsWith(suffix))) return type;
  }
  return "";
}

/** Returns why a file is not sent and what to do instead, in a sentence; "" if it may be sent. */
export function objection(file) {
  if (!contentType(file)) {
    return "This is not a JPEG, PNG, WebP, GIF, TIFF or AVIF file. "
      + "Export the picture as JPEG and choose that.";
  }
  if (file.size === 0) {
    return "The file is empty. Check that it was saved or copied to the end, and choose it again.";
  }
  if (file.size > MOST_BYTES) {
    return `The file has ${size(file.size)}; at most ${size(MOST_BYTES)} are taken. `
      + "Save it smaller or compress it more, and choose it again.";
  }
  return "";
}

/** Tells whether browsers can show a file of that type. */
export function isShowable(type) {
  return type !== "" && type !== "image/tiff";
}
