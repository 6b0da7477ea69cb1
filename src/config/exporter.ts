/**
 * The section `external_exporters`: what is asked beside the instances of an app.
 */
import { ADDRESS } from './address.ts';
import { choice, list, optional, section, text, textLists, withDefault } from './setting.ts';

/** The words of Promfetcher's placeholders: `{{.AppID}}`, blanks around the name allowed. */
const TAGS =
  'AppID|AppName|SpaceID|SpaceName|OrganizationID|OrganizationName|SourceID|ProcessType|ProcessID|ProcessInstanceID|InstanceID|Component';

/** Texts with placeholders; nothing else may stand between double braces. */
const TEMPLATE = new RegExp(`^(?:(?!\\{\\{)[^\\p{Cc}]|\\{\\{\\s*\\.(?:${TAGS})\\s*\\}\\})*$`, 'u');

/** What stands between double braces, without its blanks, if it is no placeholder that is known. */
export const WRONG_TAG = new RegExp(`^(?!\\.(?:${TAGS})$)`);

const exporter = section('One exporter that is asked for every app.', {
  name: optional(
    text('Its name in labels; without it host and path.', {
      allowed: 'a text without control characters, at most 256 long',
      pattern: /^[^\p{Cc}]{1,256}$/u,
    }),
  ),
  host: text('Its address.', { allowed: 'a host or host:port', pattern: ADDRESS }),
  metrics_path: withDefault(
    text('Path of its page.', {
      allowed: 'a path that begins with one /, of ASCII without blanks, # and backslashes',
      pattern: /^\/(?!\/)[\x21\x22\x24-\x5b\x5d-\x7e]*$/,
    }),
    '/metrics',
  ),
  scheme: withDefault(choice('How it is asked.', ['http', 'https']), 'http'),
  params: withDefault(
    textLists(
      'Query parameters, each a list of values; {{.AppID}}, {{.AppName}}, … are filled in.',
      {
        allowed:
          'a text in which {{ }} holds one of .AppID, .AppName, .SpaceID, .SpaceName, .OrganizationID, .OrganizationName, .SourceID, .ProcessType, .ProcessID, .ProcessInstanceID, .InstanceID, .Component',
        pattern: TEMPLATE,
      },
    ),
    {},
  ),
});

export const externalExporters = list(
  'Exporters that are asked once per app and request, beside its instances.',
  exporter,
);

/** Whether no two exporters have a name in common; one with other faults has none. */
export function haveOwnNames(exporters: readonly Readonly<Record<string, unknown>>[]): boolean {
  const names = exporters.map(
    (exporter) => exporter?.['name'] ?? `${exporter?.['host']}${exporter?.['metrics_path']}`,
  );
  return new Set(names).size === names.length;
}
