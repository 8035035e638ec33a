/** A cron rule in words. */

import { Trans } from '../react';

const SHORT: Record<string, string> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *'
};
const NAMES = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
/** A Sunday, for the names of weekdays. */
const SUNDAY = Date.UTC(2023, 0, 1);

/** "every day at 02:00"; the rule as written where that would not be short. */
export function cronWords(rule: string, trans: Trans): string {
  const text = rule.trim();
  const every = /^@every\s+(.+)$/.exec(text);
  if (every) {
    return trans.__('every %1', every[1]);
  }
  const fields = (SHORT[text] ?? text)
    .split(/\s+/)
    .map(field => (field === '?' ? '*' : field));
  if (fields.length !== 5) {
    return text;
  }
  const [minute, hour, day, month, weekday] = fields;
  if (isNumber(minute) && isNumber(hour)) {
    const days = daysOf(day, month, weekday, trans);
    const time = `${hour.padStart(2, '0')}:${minute.padStart(2, '0')}`;
    return days ? trans.__('%1 at %2', days, time) : text;
  }
  const daily = day === '*' && month === '*' && weekday === '*';
  return (daily && withinDay(minute, hour, trans)) || text;
}

function withinDay(minute: string, hour: string, trans: Trans): string {
  if (hour === '*' && minute === '*') {
    return trans.__('every minute');
  }
  if (hour === '*' && isEvenStep(minute, 60)) {
    return trans.__('every %1 minutes', minute.slice(2));
  }
  if (isNumber(minute) && (hour === '*' || isEvenStep(hour, 24))) {
    const hours =
      hour === '*'
        ? trans.__('every hour')
        : trans.__('every %1 hours', hour.slice(2));
    return Number(minute)
      ? trans.__('%1 at minute %2', hours, Number(minute))
      : hours;
  }
  return '';
}

function daysOf(
  day: string,
  month: string,
  weekday: string,
  trans: Trans
): string {
  if (month !== '*') {
    return '';
  }
  if (weekday === '*') {
    return day === '*'
      ? trans.__('every day')
      : isNumber(day)
        ? trans.__('day %1 of every month', Number(day))
        : '';
  }
  if (day !== '*') {
    return '';
  }
  const few = weekday.toLowerCase();
  if (few === '1-5' || few === 'mon-fri') {
    return trans.__('%1 to %2', dayName(1), dayName(5));
  }
  const number = isNumber(few) ? Number(few) % 7 : NAMES.indexOf(few);
  return number < 0 ? '' : trans.__('every %1', dayName(number));
}

function dayName(number: number): string {
  const language = document.documentElement.lang || undefined;
  return new Date(SUNDAY + number * 86_400_000).toLocaleDateString(language, {
    weekday: 'long',
    timeZone: 'UTC'
  });
}

/** Every fifteen minutes is an even step; every seven is not, since hours end between. */
function isEvenStep(field: string, whole: number): boolean {
  const step = /^\*\/(\d+)$/.exec(field);
  return step !== null && Number(step[1]) > 1 && whole % Number(step[1]) === 0;
}

function isNumber(field: string): boolean {
  return /^\d+$/.test(field);
}
