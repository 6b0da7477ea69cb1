/**
 * The limits of the push gateway: those of each tenant, and those over all tenants.
 */
import type { z } from 'zod';
import { optional, section, size, wholeNumber, withDefault } from './setting.ts';

const count = (description: string, max = 10_000_000) => wholeNumber(description, { min: 1, max });
const bytes = (description: string) => size(description, { minBytes: 1024, maxBytes: 2 ** 30 });

const ofTenant = {
  max_body: bytes('Largest body of a push.'),
  max_decompressed: bytes('Largest body of a push after decompression.'),
  series: count('Series of a tenant; a bucket counts as a series.'),
  series_per_family: count('Series of one family of a tenant.'),
  families: count('Families of a tenant.', 1_000_000),
  groups: count('Groups of a tenant, in replace mode.', 1_000_000),
  labels: count('Labels of a series.', 1_000),
  label_name_length: count('Characters of the name of a family or of a label.', 65_536),
  label_value_length: count('Characters of the value of a label.', 65_536),
  sources: count('Clients of a tenant that name themselves by X-Push-Source.', 1_000_000),
  pushes_per_second: count('Pushes of a tenant per second.', 1_000_000),
};

export const limits = section('What a tenant may push, and what all tenants may push together.', {
  max_body: withDefault(ofTenant.max_body, '4MiB'),
  max_decompressed: withDefault(ofTenant.max_decompressed, '16MiB'),
  series: withDefault(ofTenant.series, 10_000),
  series_per_family: withDefault(ofTenant.series_per_family, 2_000),
  families: withDefault(ofTenant.families, 1_000),
  groups: withDefault(ofTenant.groups, 1_000),
  labels: withDefault(ofTenant.labels, 64),
  label_name_length: withDefault(ofTenant.label_name_length, 512),
  label_value_length: withDefault(ofTenant.label_value_length, 2_048),
  sources: withDefault(ofTenant.sources, 1_000),
  pushes_per_second: withDefault(ofTenant.pushes_per_second, 1_000),
  tenants: withDefault(count('Tenants that have pushed.', 1_000_000), 10_000),
  total_series: optional(
    count(
      'Series of all tenants; without it 500,000, or as many as the memory limit has room for, at 2KiB each.',
    ),
  ),
});

/** Limits of some tenants; each key that is absent is as in `push.limits`. */
export const tenantLimits = section(
  'Limits of these tenants; other limits are as in push.limits.',
  {
    max_body: optional(ofTenant.max_body),
    max_decompressed: optional(ofTenant.max_decompressed),
    series: optional(ofTenant.series),
    series_per_family: optional(ofTenant.series_per_family),
    families: optional(ofTenant.families),
    groups: optional(ofTenant.groups),
    labels: optional(ofTenant.labels),
    label_name_length: optional(ofTenant.label_name_length),
    label_value_length: optional(ofTenant.label_value_length),
    sources: optional(ofTenant.sources),
    pushes_per_second: optional(ofTenant.pushes_per_second),
  },
);

const MAX_TOTAL_SERIES = 500_000;
const SERIES_BYTES = 2048;

export function toLimits(values: z.output<typeof limits>, memoryBytes: number) {
  const room = Math.max(1, Math.floor(memoryBytes / SERIES_BYTES));
  return {
    maxBodyBytes: values.max_body,
    maxDecompressedBytes: values.max_decompressed,
    series: values.series,
    seriesPerFamily: values.series_per_family,
    families: values.families,
    groups: values.groups,
    labels: values.labels,
    labelNameLength: values.label_name_length,
    labelValueLength: values.label_value_length,
    sources: values.sources,
    pushesPerSecond: values.pushes_per_second,
    tenants: values.tenants,
    totalSeries: values.total_series ?? Math.min(MAX_TOTAL_SERIES, room),
  };
}

export function toTenantLimits(values: z.output<typeof tenantLimits>) {
  return {
    maxBodyBytes: values.max_body,
    maxDecompressedBytes: values.max_decompressed,
    series: values.series,
    seriesPerFamily: values.series_per_family,
    families: values.families,
    groups: values.groups,
    labels: values.labels,
    labelNameLength: values.label_name_length,
    labelValueLength: values.label_value_length,
    sources: values.sources,
    pushesPerSecond: values.pushes_per_second,
  };
}
