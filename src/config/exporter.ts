/**
 * The section `external_exporters`: exporters that promgate asks beside the instances of an app.
 */
import { ADDRESS } from './address.ts';
import { choice, list, optional, section, text, textLists, withDefault } from './setting.ts';

/** Names in Promfetcher's placeholders: `{{.AppID}}`, with or without blanks around the name. */
const TAGS =
  'AppID|AppName|SpaceID|SpaceName|OrganizationID|OrganizationName|SourceID|ProcessType|ProcessID|ProcessInstanceID|InstanceID|Component';

/** A text in which double braces hold only placeholders. */
const TEMPLATE = new RegExp(`^(?:(?!\\{\\{)[^\\p{Cc}]|\\{\\{\\s*\\.(?:${TAGS})\\s*\\}\\})*$`, 'u');

/** Fits a text between double braces, without blanks around it, that is no known placeholder. */
export const WRONG_TAG = new RegExp(`^(?!\\.(?:${TAGS})$)`);

const exporter = section('One exporter that promgate asks for every app.', {
  name: optional(
    text('Name of the exporter in labels; without it host and path.', {
      allowed: 'a text without control characters, at most 256 long',
      pattern: /^[^\p{Cc}]{1,256}$/u,
    }),
  ),
  host: text('Address of the exporter.', { allowed: 'a host or host:port', pattern: ADDRESS }),
  metrics_path: withDefault(
    text('Path of the page.', {
      allowed: 'a path that begins with one /, of ASCII without blanks, # and backslashes',
      pattern: /^\/(?!\/)[\x21\x22\x24-\x5b\x5d-\x7e]*$/,
    }),
    '/metrics',
  ),
  scheme: withDefault(choice('Scheme of the request.', ['http', 'https']), 'http'),
  params: withDefault(
    textLists(
      'Query parameters, each a list of values; promgate fills in {{.AppID}}, {{.AppName}}, …',
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
  'Exporters that promgate asks once per app and request, in addition to the instances.',
  exporter,
);

/** Whether all exporters have different names; the default name is host and path. */
export function haveOwnNames(exporters: readonly Readonly<Record<string, unknown>>[]): boolean {
  const names = exporters.map(
    (exporter) => exporter?.['name'] ?? `${exporter?.['host']}${exporter?.['metrics_path']}`,
  );
  return new Set(names).size === names.length;
}
