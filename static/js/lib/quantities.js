/** Sizes and durations in the page's language. */

import { pageLanguage } from "./wording.js";

const STEP = 1024;
const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];

/** @param {number} share from 0 to 1 */
export function percentInWords(share) {
  return new Intl.NumberFormat(pageLanguage(), { style: "percent" }).format(Math.floor(100 * share) / 100);
}

/** @param {number} bytes */
export function sizeInWords(bytes) {
  const power = bytes < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log(bytes) / Math.log(STEP)));
  return inUnit(bytes / STEP ** power, UNITS[power], power > 1 ? 1 : 0);
}

/** @param {number} seconds */
export function timeInWords(seconds) {
  if (seconds < 60) return inUnit(Math.ceil(seconds), "second", 0);
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return inUnit(minutes, "minute", 0);
  return `${inUnit(Math.floor(minutes / 60), "hour", 0)} ${inUnit(minutes % 60, "minute", 0)}`;
}

/**
 * @param {number} value
 * @param {string} unit
 * @param {number} digits
 */
function inUnit(value, unit, digits) {
  const options = { style: /** @type {const} */ ("unit"), unit, maximumFractionDigits: digits };
  return new Intl.NumberFormat(pageLanguage(), options).format(value);
}
