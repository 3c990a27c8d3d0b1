// Numbers, sizes, times and names as people read them. Times are in the zone of the browser.

const numbers = new Intl.NumberFormat('en');
const moment = new Intl.DateTimeFormat('en-GB', {
  weekday: 'short',
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
});
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const date = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const month = new Intl.DateTimeFormat('en-GB', { month: 'long', year: 'numeric' });

export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
export const count = (number: number) => numbers.format(number);
export const time = (text: string) => moment.format(new Date(text));
export const shortDay = (text: string) => day.format(new Date(text));
export const shortDate = (text: string) => date.format(new Date(text));
export const hour = (text: string) => clock.format(new Date(text));
export const monthName = (year: number, index: number) => month.format(new Date(year, index, 1));

/** The day in the zone of the browser: `2026-11-27`. */
export function dayOf(text: string): string {
  const at = new Date(text);
  return dayName(at.getFullYear(), at.getMonth(), at.getDate());
}

export function dayName(year: number, index: number, number: number): string {
  const two = (value: number) => String(value).padStart(2, '0');
  return `${year}-${two(index + 1)}-${two(number)}`;
}

export function size(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

export function dollars(usd: number): string {
  if (usd <= 0) return 'nothing';
  return usd < 0.01 ? 'less than $0.01' : `about $${usd.toFixed(2)}`;
}

export function nameOf(path: string): string {
  const whole = path.endsWith('/') ? path.slice(0, -1) : path;
  return whole.slice(whole.lastIndexOf('/') + 1);
}

export function folderOf(path: string): string {
  const whole = path.endsWith('/') ? path.slice(0, -1) : path;
  return whole.slice(0, whole.lastIndexOf('/') + 1);
}

/** The text with what cannot be seen made visible: control characters, and marks that turn the direction. */
export function visible(text: string): string {
  let shown = '';
  for (const letter of text) {
    const code = letter.codePointAt(0) ?? 0;
    const turns = (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
    const hides = turns || [0x200b, 0x200e, 0x200f, 0x061c, 0x2028, 0x2029, 0xfeff].includes(code);
    const unseen = code < 0x20 || (code >= 0x7f && code < 0xa0) || hides;
    if (unseen) shown += `[U+${code.toString(16).toUpperCase().padStart(4, '0')}]`;
    else shown += letter;
  }
  return shown;
}
