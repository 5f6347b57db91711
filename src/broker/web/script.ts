/**
 * The only script: it counts down, presses the button of a sign-in, and says when there is something new. Every page works without.
 * @module
 */

export const SCRIPT = `'use strict';
(() => {
  const started = performance.now();
  const words = (seconds) => {
    const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), seconds % 60];
    const two = (value) => String(value).padStart(2, '0');
    return seconds <= 0 ? '(now)' : '(in ' + (hours > 0 ? hours + ':' + two(minutes) : minutes) + ':' + two(rest) + ')';
  };
  const counters = [...document.querySelectorAll('[data-left]')];
  const tick = () => {
    for (const each of counters) {
      each.textContent = words(Number(each.dataset.left) - Math.floor((performance.now() - started) / 1000));
    }
  };
  if (counters.length > 0) {
    tick();
    setInterval(tick, 1000);
  }
  document.querySelector('form[data-auto]')?.requestSubmit();
  const main = document.querySelector('main[data-version]');
  const news = document.getElementById('news');
  if (main === null || news === null) return;
  const look = async () => {
    if (document.hidden || news.childElementCount > 0) return;
    const reply = await fetch(location.href, { credentials: 'same-origin', redirect: 'error' }).catch(() => null);
    if (reply === null || (!reply.ok && reply.status !== 401)) return;
    const page = new DOMParser().parseFromString(await reply.text(), 'text/html');
    if (page.querySelector('main')?.dataset.version === main.dataset.version) return;
    const link = document.createElement('a');
    link.href = location.href;
    link.textContent = 'Show it';
    news.append('There is something new. ', link);
  };
  setInterval(() => void look(), main.dataset.pace === 'soon' ? 4000 : 15000);
  document.addEventListener('visibilitychange', () => void look());
})();
`;
