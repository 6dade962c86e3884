const YEAR_S = 365 * 24 * 60 * 60;

/**
 * Keep a choice of this device where the server can see it before the first paint.
 *
 * @param {string} name
 * @param {string} value
 */
export function setCookie(name, value) {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${name}=${encodeURIComponent(value)}; Path=/; Max-Age=${YEAR_S}; SameSite=Lax${secure}`;
}

/** @param {string} name */
export function clearCookie(name) {
  document.cookie = `${name}=; Path=/; Max-Age=0; SameSite=Lax`;
}
