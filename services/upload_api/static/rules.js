/** Checks before a file is sent; the server checks its content again. */

import { size } from "./words.js";

export const MAX_BYTES = 10 * 1024 * 1024;

const TYPES = new Map([
  ["image/jpeg", [".jpg", ".jpeg"]],
  ["image/png", [".png"]],
  ["image/webp", [".webp"]],
  ["image/gif", [".gif"]],
  ["image/tiff", [".tif", ".tiff"]],
  ["image/avif", [".avif"]],
]);

/** Returns the content type of a file, from its name if the browser does not know it, or "". */
export function contentType(file) {
  if (TYPES.has(file.type)) return file.type;
  if (file.type) return "";
  const name = file.name.toLowerCase();
  for (const [type, suffixes] of TYPES) {
    if (suffixes.some((suffix) => name.endsWith(suffix))) return type;
  }
  return "";
}

/** Returns why a file cannot be sent and what to do, or "" if it can be sent. */
export function objection(file) {
  if (!contentType(file)) {
    return "This is not a JPEG, PNG, WebP, GIF, TIFF or AVIF file. "
      + "Export the image as JPEG and choose that file.";
  }
  if (file.size === 0) {
    return "The file is empty. Check that it was saved or copied completely, and choose it again.";
  }
  if (file.size > MAX_BYTES) {
    return `The file has ${size(file.size)}; the limit is ${size(MAX_BYTES)}. `
      + "Scale the image down or compress it more, and choose it again.";
  }
  return "";
}

/** Returns whether browsers can show a file of that type. */
export function isShowable(type) {
  return type !== "" && type !== "image/tiff";
}
