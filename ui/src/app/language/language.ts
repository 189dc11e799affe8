// The language of the interface, switched without a reload: whatever a template says follows the signal.
import { Injectable, computed, effect, signal } from '@angular/core';
import { ENGLISH, type Dictionary, type Key } from './english';
import { RUSSIAN } from './russian';

export const TONGUES = { en: ENGLISH, ru: RUSSIAN } satisfies Record<string, Dictionary>;
export type Tongue = keyof typeof TONGUES;
export type Values = Readonly<Record<string, string | number>>;

const KEY = 'artstore.language';
const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;

@Injectable({ providedIn: 'root' })
export class Language {
  readonly tongue = signal<Tongue>(preferred(localStorage.getItem(KEY), navigator.languages));
  private readonly dates = computed(() => dateFormats(this.tongue()));

  constructor() {
    effect(() => (document.documentElement.lang = this.tongue()));
  }

  choose(tongue: Tongue): void {
    localStorage.setItem(KEY, tongue);
    this.tongue.set(tongue);
  }

  readonly say = (key: Key, values: Values = {}): string => filled(TONGUES[this.tongue()][key], values);

  /** The sentence for a word of the archive's own (a step, a code), else the word as it came. */
  readonly word = (family: string, name: string): string => {
    const dictionary: Readonly<Record<string, string>> = TONGUES[this.tongue()];
    return dictionary[`${family}.${name}`] ?? name;
  };

  /** To the second; `dateBriefly` to the minute, `day` the day alone. */
  readonly date = (text: string): string => this.dates().whole.format(new Date(text));
  readonly dateBriefly = (text: string): string => this.dates().brief.format(new Date(text));
  readonly day = (text: string): string => this.dates().day.format(new Date(text));

  readonly seconds = (count: number): string => secondsIn(this.tongue(), count);

  readonly size = (bytes: number): string => sizeIn(this.tongue(), bytes);
}

export function preferred(kept: string | null, wished: readonly string[]): Tongue {
  const known = (text: string | null): text is Tongue => text !== null && text in TONGUES;
  if (known(kept)) return kept;
  return wished.map((tag) => tag.slice(0, 2).toLowerCase()).find(known) ?? 'en';
}

export function filled(sentence: string, values: Values): string {
  return sentence.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** Bytes in decimal units, as disks are sold: 1.5 kB is 1,500 bytes. */
export function sizeIn(tongue: Tongue, bytes: number): string {
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), UNITS.length - 1);
  const unit = UNITS[power] ?? 'byte';
  const unitDisplay = unit === 'byte' ? 'long' : 'short';
  const format = new Intl.NumberFormat(tongue, { style: 'unit', unit, unitDisplay, maximumFractionDigits: 1 });
  return format.format(bytes / 1000 ** power);
}

/** A length of time in its largest unit: 45 s, 3 min, 2 h. */
export function secondsIn(tongue: Tongue, count: number): string {
  const [unit, size] = count < 60 ? (['second', 1] as const) : count < 3600 ? (['minute', 60] as const) : (['hour', 3600] as const);
  const format = new Intl.NumberFormat(tongue, { style: 'unit', unit, unitDisplay: 'short', maximumFractionDigits: 0 });
  return format.format(Math.ceil(count / size));
}

function dateFormats(tongue: Tongue) {
  const format = (timeStyle?: 'short' | 'medium') => new Intl.DateTimeFormat(tongue, { dateStyle: 'medium', timeStyle });
  return { whole: format('medium'), brief: format('short'), day: format() };
}
