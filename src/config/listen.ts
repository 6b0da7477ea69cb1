/**
 * The section `listen`: the address and ports of promgate.
 */
import { file, optional, section, text, wholeNumber, withDefault } from './setting.ts';

const HOST =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?\.?|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*)$/;
export const listen = section(
  'Where promgate listens.',
  {
    host: withDefault(
      text('Address to listen on.', { allowed: 'a host name or IP address', pattern: HOST }),
      '0.0.0.0',
    ),
    port: withDefault(
      wholeNumber('Port to listen on; 0 takes any free port.', { min: 0, max: 65_535 }),
      8085,
    ),
    tls: optional(
      section('TLS for readers; promgate reads the files again when they change.', {
        cert: file('Certificate chain of the server, PEM.', 'certificate'),
        key: file('Key of that certificate, PEM.', 'key'),
        client_ca: optional(
          file('Authorities of client certificates, PEM; if set, clients need one.', 'certificate'),
        ),
      }),
    ),
    health_port: optional(
      wholeNumber('Plain HTTP port for load balancers; every path answers as /readyz does.', {
        min: 0,
        max: 65_535,
      }),
    ),
    max_connections: withDefault(
      wholeNumber(
        'Connections open at once; a further connection closes the one that has been idle longest, or is closed itself if none is idle.',
        { min: 1, max: 1e6 },
      ),
      4096,
    ),
  },
  [
    {
      key: 'health_port',
      holds: ({ port, health_port }) =>
        typeof port !== 'number' || port === 0 || health_port !== port,
      otherwise: 'must be another port than listen.port',
    },
  ],
);
