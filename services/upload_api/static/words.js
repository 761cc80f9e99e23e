/** Numbers, times and names as text. */

const MOMENT = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
const KIB = 1024;
const NBSP = "\u00a0"; // between a number and its unit, where no line may break

/** Writes a number of bytes: "812 bytes", "41 KiB", "2.4 MiB". */
export function size(bytes) {
  if (bytes < KIB) return count(bytes, "byte");
  if (bytes < KIB * KIB) return `${Math.round(bytes / KIB)}${NBSP}KiB`;
  const mebibytes = bytes / (KIB * KIB);
  // Never rounded down to the limit: 10.01 MiB must not read as "10 MiB".
  const digits = Number.isInteger(mebibytes) ? 0 : 1;
  return `${(Math.ceil(mebibytes * 10) / 10).toFixed(digits)}${NBSP}MiB`;
}

/** Writes a time, given in ISO 8601, in the reader's time zone. */
export function moment(iso) {
  return MOMENT.format(new Date(iso));
}

/** Writes a share between 0 and 1: "42 %". */
export function percent(share) {
  return `${Math.floor(share * 100)}${NBSP}%`;
}

/** Writes a number with its noun: "1 image", "3 images". */
export function count(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** Writes the name of a content type: "JPEG". */
export function typeName(type) {
  return (type ?? "").replace(/^image\//, "").toUpperCase();
}

/** Writes dimensions in pixels: "1024 × 683". */
export function dimensions(widthPx, heightPx) {
  return [widthPx, "×", heightPx].join(NBSP);
}
