/** A machine that BOSH has set up, for the scripts of jobs. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A folder in the place of /var/vcap. */
export class BoshMachine implements Disposable {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'promgate-vcap-'));

  /** Writes an executable file that names this folder where `text` names /var/vcap. @returns its path */
  file(name: string, text: string): string {
    const file = path.join(this.folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text.replaceAll('/var/vcap', this.folder), { mode: 0o755 });
    return file;
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}
