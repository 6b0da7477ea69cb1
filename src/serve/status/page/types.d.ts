/** What the API of the status page answers. */

export interface Counts {
  readonly all: number;
  readonly failing: number;
  readonly up: number;
  readonly unasked: number;
}

export interface AppRow {
  readonly guid: string;
  readonly organization: string;
  readonly space: string;
  readonly app: string;
  readonly instances: number;
  readonly up: number;
  readonly down: number;
  readonly unasked: number;
  readonly failures: readonly string[];
  readonly askedSecondsAgo: number | null;
}

export interface AppList {
  readonly known: boolean;
  readonly counts: Counts;
  readonly offset: number;
  readonly limit: number;
  readonly apps: readonly AppRow[];
}

export interface InstanceRow {
  readonly id: string;
  readonly index: string;
  readonly process: string;
  readonly address: string;
  readonly zone: string;
  readonly state: 'up' | 'down' | 'unasked';
  readonly failure?: string;
  readonly what?: string;
  readonly remedy?: string;
  readonly status?: number;
  readonly detail?: string;
  readonly path?: string;
  readonly samples?: number;
  readonly bytes?: number;
  readonly durationSeconds?: number;
  readonly askedSecondsAgo?: number;
  readonly history: {
    readonly durations: readonly (number | null)[];
    readonly samples: readonly (number | null)[];
    readonly failures: readonly (string | null)[];
  };
}

export interface AppDetail extends AppRow {
  readonly offset: number;
  readonly limit: number;
  readonly slotSeconds: number;
  readonly slots: number;
  readonly endsAtSeconds: number;
  readonly items: readonly InstanceRow[];
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Overview {
  readonly version: string;
  readonly needsCredential: boolean;
  /** The time of the answer, in seconds since 1970. */
  readonly atSeconds: number;
  readonly state: 'starting' | 'ready' | 'draining';
  readonly reader: { readonly sees: 'all' | 'space' | 'app' | 'none' };
  readonly sources: readonly {
    readonly name?: string;
    readonly kind: string;
    readonly state: 'ready' | 'failing' | 'waiting';
    readonly ageSeconds: number | null;
  }[];
  readonly mentions?: Readonly<Record<string, string>>;
  readonly figures?: Readonly<Record<string, readonly Sample[]>>;
}

export interface Refusal {
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  /** The `WWW-Authenticate` of the answer; '' if there is none. */
  readonly challenge: string;
}

export interface Family {
  readonly name: string;
  type: string;
  help: string;
  samples: number;
  readonly lines: string[];
}
