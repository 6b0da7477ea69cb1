/**
 * Profiles the process that loads it: `node --import ./bench/profiler.ts …`.
 *
 * The first SIGUSR2 starts V8's CPU profiler; the second one stops it and writes the profile to the
 * file in `PROFILE_FILE`.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';

const EVERY_MICROSECONDS = 200;

const file = process.env['PROFILE_FILE'] ?? 'promgate.cpuprofile';
const session = new Session();
let isRunning = false;
session.connect();
session.post('Profiler.enable');
session.post('Profiler.setSamplingInterval', { interval: EVERY_MICROSECONDS });
process.on('SIGUSR2', () => {
  if (isRunning) session.post('Profiler.stop', (_error, { profile }) => keep(profile));
  else session.post('Profiler.start');
  isRunning = !isRunning;
});

/** Readers see the file only once it is whole. */
function keep(profile: object): void {
  writeFileSync(`${file}.part`, JSON.stringify(profile));
  renameSync(`${file}.part`, file);
}
