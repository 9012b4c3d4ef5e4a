// A short name for a client, from its User-Agent header. Clients can send anything: this is a hint, not proof.
const BROWSERS: [pattern: RegExp, name: string][] = [
  // Browsers that also use the names of others come first.
  [/\bEdg(?:e|A|iOS)?\//, 'Edge'],
  [/\b(?:OPR|Opera)\//, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(?:Firefox|FxiOS)\//, 'Firefox'],
  [/\b(?:(?:Headless)?Chrome|Chromium|CriOS)\//, 'Chrome'],
  [/\bVersion\/.*\bSafari\//, 'Safari'],
];
const SYSTEMS: [pattern: RegExp, name: string][] = [
  [/\biPhone\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bAndroid\b/, 'Android'],
  [/\bWindows\b/, 'Windows'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bMac OS X\b|\bMacintosh\b/, 'Mac'],
  [/\bLinux\b/, 'Linux'],
];

/** "Firefox on Windows", "curl", "Unknown client". */
export function clientName(userAgent: string): string {
  const browser = nameIn(userAgent, BROWSERS);
  const system = nameIn(userAgent, SYSTEMS);
  if (browser) return system ? `${browser} on ${system}` : browser;
  // Programs name themselves first: curl/8.5.0, python-httpx/0.28.
  const program = /^([\w.-]{1,40})\//.exec(userAgent)?.[1];
  return (program !== 'Mozilla' && program) || (system ? `Browser on ${system}` : 'Unknown client');
}

function nameIn(text: string, known: [RegExp, string][]): string | undefined {
  return known.find(([pattern]) => pattern.test(text))?.[1];
}
