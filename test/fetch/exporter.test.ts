import assert from 'node:assert/strict';
import { toInstance } from '../../src/discover/instance.ts';
import {
  ExporterError,
  exporterTarget,
  parseExporter,
  parseTemplate,
} from '../../src/fetch/exporter.ts';

const instance = toInstance(
  {
    address: '10.0.16.4:61001',
    tls: true,
    protocol: 'http1',
    serverCertDomainSan: 'b7e0',
    privateInstanceId: 'b7e0',
    availabilityZone: 'z1',
    isolationSegment: '',
    routeServiceUrl: '',
    ttlSeconds: 120,
    tags: {
      organization_id: 'org-guid',
      organization_name: 'my org',
      space_id: 'space-guid',
      space_name: 'dev',
      app_id: 'app-guid',
      app_name: 'shop&co',
      source_id: 'source-guid',
      process_type: 'web',
      process_id: 'process-guid',
      process_instance_id: 'b7e0',
      instance_id: '3',
    },
  },
  'shop.example.com/path',
);

function pathOf(params: Record<string, readonly string[]>, metrics_path?: string): string {
  const exporter = parseExporter({
    host: 'exporter.example.com',
    params,
    ...(metrics_path === undefined ? {} : { metrics_path }),
  });
  return exporterTarget(exporter, instance).path;
}

describe('parseExporter', () => {
  it('fills in what Promfetcher does', () => {
    const exporter = parseExporter({ host: 'exporter.example.com:9090' });

    assert.deepEqual(exporter, {
      name: 'exporter.example.com:9090/metrics',
      host: 'exporter.example.com:9090',
      path: '/metrics',
      scheme: 'http',
      params: new Map(),
    });
  });

  const faults: readonly [why: string, settings: object, message: RegExp][] = [
    ['no host', { host: '' }, /host ""/],
    ['a URL as host', { host: 'http://x' }, /host "http:\/\/x"/],
    ['a host with userinfo', { host: 'a@x' }, /host "a@x"/],
    ['another scheme', { host: 'x', scheme: 'ftp' }, /scheme "ftp" must be http or https/],
    ['a path without slash', { host: 'x', metrics_path: 'm' }, /metrics_path "m"/],
    ['a path that is a host', { host: 'x', metrics_path: '//m' }, /metrics_path "\/\/m"/],
    ['a path with a fragment', { host: 'x', metrics_path: '/m#x' }, /metrics_path/],
    ['a parameter with another action', { host: 'x', params: { a: ['{{end}}'] } }, /"\{\{end\}\}"/],
  ];
  for (const [why, settings, message] of faults) {
    it(`refuses ${why}`, () => {
      assert.throws(
        () => parseExporter({ host: '', ...settings }),
        (error) => error instanceof ExporterError && message.test(error.message),
      );
    });
  }
});

describe('parseTemplate', () => {
  const refused = [
    '{{.Nothing}}',
    '{{.appid}}',
    '{{AppID}}',
    '{{.AppID | urlquery}}',
    '{{printf "%s" .AppID}}',
    '{{if .AppID}}x{{end}}',
    '{{- .AppID -}}',
    '{{/* a comment */}}',
    '{{}}',
    '{{. AppID}}',
    '{{.AppID.Length}}',
    '{{.AppID',
    'a {{',
  ];
  for (const text of refused) {
    it(`refuses ${text}, and names it`, () => {
      assert.throws(
        () => parseTemplate(`before ${text}`),
        (error) => error instanceof ExporterError && error.message.includes('{{'),
      );
    });
  }

  it('takes blanks around a name, and text with single braces', () => {
    for (const text of ['{{.AppID}}', '{{ .AppID }}', '{{\t.AppID}}', 'a{b}c{', '}}', '']) {
      assert.doesNotThrow(() => parseTemplate(text));
    }
  });
});

describe('exporterTarget', () => {
  it("asks the exporter, in the name of the app's space", () => {
    const exporter = parseExporter({
      name: 'billing',
      host: 'exporter.example.com',
      scheme: 'https',
    });

    assert.deepEqual(exporterTarget(exporter, instance), {
      instance: undefined,
      exporter: 'billing',
      address: 'exporter.example.com:443',
      tls: true,
      serverName: '',
      trust: 'system',
      http2: false,
      host: 'exporter.example.com',
      path: '/metrics',
      headers: [],
      timeoutMs: undefined,
      oneOfSeveral: false,
      space: 'space-guid',
      app: 'app-guid',
    });
  });

  it('keeps a port that is given', () => {
    const exporter = parseExporter({ host: '[2001:db8::1]:9090' });

    assert.equal(exporterTarget(exporter, instance).address, '[2001:db8::1]:9090');
  });

  it("fills Promfetcher's tags in", () => {
    const params = {
      ids: ['{{.OrganizationID}}/{{.SpaceID}}/{{ .AppID }}'],
      names: ['{{.OrganizationName}}', '{{.SpaceName}}', '{{.AppName}}'],
      source: ['{{.SourceID}}'],
      own: ['{{.ProcessType}}{{.Component}}{{.InstanceID}}{{.ProcessInstanceID}}{{.ProcessID}}'],
    };

    assert.equal(
      pathOf(params),
      '/metrics?ids=org-guid%2Fspace-guid%2Fapp-guid&names=my+org&names=dev&names=shop%26co' +
        '&own=external_exporterpromfetcher&source=source-guid',
    );
  });

  it('replaces parameters of the path that have the same name', () => {
    assert.equal(pathOf({ b: ['{{.AppID}}'] }, '/probe?a=1&b=2'), '/probe?a=1&b=app-guid');
    assert.equal(pathOf({}, '/probe?b=2'), '/probe?b=2');
  });
});
