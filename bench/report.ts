/** Prints figures as text for people, and describes the machine. `run.ts` writes the JSON. */
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';

/** The machine on which the figures were measured. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly system: string;
  readonly node: string;
  /** Load average of the minute before the start. Above 1 do not trust the figures. */
  readonly load: string;
}

export function describeMachine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model ?? 'unknown',
    cores: all.length,
    memoryBytes: totalmem(),
    system: `Linux ${release()}`,
    node: process.version,
    load: readFileSync('/proc/loadavg', 'utf8').split(' ')[0] ?? '',
  };
}

/** Aligns the first column to the left, and all others to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => {
          const width = widths[column] ?? 0;
          return column === 0 ? cell.padEnd(width) : cell.padStart(width);
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export function milliseconds(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 0)} ms`;
}

export function seconds(value: number): string {
  return `${value.toFixed(4)} s`;
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

export function ratio(value: number): string {
  return `${value.toFixed(2)}x`;
}

/** `100 x 50 KB` */
export function sizeOf({
  instances,
  sizeBytes,
}: {
  readonly instances: number;
  readonly sizeBytes: number;
}): string {
  return `${instances} x ${sizeBytes / 1_000} KB`;
}
