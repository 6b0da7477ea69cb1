/**
 * The section `auth.identity`: readers that are authenticated by their instance identity.
 */
import { file, list, optional, section, text, wholeNumber, withDefault } from './setting.ts';

const DOMAIN = /^(?:\*\.)?[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/;
const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/;

const port = (description: string) => wholeNumber(description, { min: 0, max: 65_535 });

const own = {
  cert: file('Certificate chain of promgate at this port, PEM.', 'certificate'),
  key: file('Key of that certificate, PEM.', 'key'),
};

export const identity = section(
  'Readers that Cloud Foundry has given an instance identity: an app then sees its own space.',
  {
    ca: file(
      'The authority of the instance identities, and each authority above it up to the root, PEM.',
      'certificate',
    ),
    tls: optional(
      section('A port that asks its clients for their instance identity.', {
        port: port('Port of TLS for apps; 0 takes any free port.'),
        ...own,
      }),
    ),
    gorouter: optional(
      section(
        "A port for gorouter alone, whose X-Forwarded-Client-Cert promgate trusts; never on Cloud Foundry's cells.",
        {
          port: port('Port of TLS for gorouter; 0 takes any free port.'),
          ...own,
          ca: file('Authorities of the client certificate of gorouter, PEM.', 'certificate'),
          name: withDefault(
            text('The DNS name that the certificate of gorouter must have.', {
              allowed: 'a host name',
              pattern: NAME,
            }),
            'gorouter.service.cf.internal',
          ),
          envoy_domains: withDefault(
            list(
              'Identity-aware domains, for which gorouter verifies certificates by itself, and whose header promgate also takes in the Envoy format.',
              text('A domain of identity-aware routes, such as *.apps.identity.', {
                allowed: 'a domain',
                pattern: DOMAIN,
              }),
            ),
            [],
          ),
        },
      ),
    ),
  },
  [
    {
      key: 'tls',
      holds: ({ tls, gorouter }) => tls !== undefined || gorouter !== undefined,
      otherwise: 'must be set, or auth.identity.gorouter: promgate needs a port for these readers',
    },
  ],
);
