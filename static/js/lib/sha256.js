/** SHA-256 that also works where the page came over plain http: there browsers offer no crypto.subtle. */

const BLOCK = 64;
const PAUSE_AFTER_BYTES = 512 * 1024;

const PRIMES = primes(64);
const ROUNDS = Uint32Array.from(PRIMES, (prime) => fraction(Math.cbrt(prime)));
const START = Uint32Array.from(PRIMES.slice(0, 8), (prime) => fraction(Math.sqrt(prime)));

/**
 * @param {ArrayBuffer} data
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
export async function sha256(data) {
  const digest = globalThis.crypto?.subtle ? await crypto.subtle.digest("SHA-256", data) : await computed(data);
  return new Uint8Array(digest);
}

/** @param {Uint8Array} bytes */
export function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * The same without the browser's help. It lets the page breathe now and then.
 *
 * @param {ArrayBuffer} data
 * @returns {Promise<ArrayBuffer>}
 */
export async function computed(data) {
  const state = START.slice();
  const whole = data.byteLength - (data.byteLength % BLOCK);
  const view = new DataView(data);
  for (let at = 0; at < whole; at += BLOCK) {
    compress(state, view, at);
    if (at % PAUSE_AFTER_BYTES === 0) await new Promise((resolve) => setTimeout(resolve));
  }
  const tail = new DataView(padded(new Uint8Array(data, whole), data.byteLength));
  for (let at = 0; at < tail.byteLength; at += BLOCK) compress(state, tail, at);
  const digest = new DataView(new ArrayBuffer(32));
  state.forEach((word, index) => digest.setUint32(index * 4, word));
  return digest.buffer;
}

/**
 * @param {Uint8Array} rest
 * @param {number} length of all the data
 */
function padded(rest, length) {
  const bytes = new Uint8Array(rest.length < BLOCK - 8 ? BLOCK : 2 * BLOCK);
  bytes.set(rest);
  bytes[rest.length] = 0x80;
  new DataView(bytes.buffer).setBigUint64(bytes.length - 8, BigInt(length) * 8n);
  return bytes.buffer;
}

const words = new Uint32Array(64);

/**
 * Source: FIPS 180-4, section 6.2.2.
 *
 * @param {Uint32Array} state
 * @param {DataView} view
 * @param {number} at
 */
function compress(state, view, at) {
  for (let t = 0; t < 16; t += 1) words[t] = view.getUint32(at + t * 4);
  for (let t = 16; t < 64; t += 1) {
    const x = words[t - 15];
    const y = words[t - 2];
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    words[t] = words[t - 16] + s0 + words[t - 7] + s1;
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let t = 0; t < 64; t += 1) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + ROUNDS[t] + words[t]) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + t1) | 0, c, b, a, (t1 + t2) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((word, index) => {
    state[index] += word;
  });
}

/** @param {number} n */
function primes(n) {
  /** @type {number[]} */
  const found = [];
  for (let candidate = 2; found.length < n; candidate += 1) {
    if (found.every((prime) => candidate % prime)) found.push(candidate);
  }
  return found;
}

/** The first 32 bits behind the point. @param {number} value */
function fraction(value) {
  return Math.floor((value % 1) * 2 ** 32);
}
