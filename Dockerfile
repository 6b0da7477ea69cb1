# promgate as a container image. The base image needs node (24) and npm on its PATH, and a shell for the build.
ARG BASE=docker.io/library/node:24-bookworm-slim

FROM ${BASE} AS modules
WORKDIR /promgate
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM ${BASE}
LABEL org.opencontainers.image.title="promgate" \
      org.opencontainers.image.description="One door for Prometheus metrics on Cloud Foundry" \
      org.opencontainers.image.licenses="Apache-2.0"
# The two settings of `npm start` for the compile cache and for the C library's heap. PORT sets listen.port; the health check reads it.
ENV NODE_ENV=production \
    NODE_COMPILE_CACHE=/promgate/node_modules/.cache/promgate \
    MALLOC_MMAP_THRESHOLD_=32768 \
    PORT=8085
COPY --from=modules /promgate/node_modules /promgate/node_modules
COPY package.json LICENSE /promgate/
COPY src /promgate/src
COPY broker /promgate/broker
COPY docs /promgate/docs
# Only the files of promgate's data, and during this build the compile cache, belong to the user that promgate runs as.
RUN mkdir -p /var/lib/promgate /promgate/node_modules/.cache/promgate \
 && chown 10001:10001 /var/lib/promgate /promgate/node_modules/.cache/promgate
USER 10001:10001
WORKDIR /var/lib/promgate
# Fills the compile cache, since the root file system may be read-only later. Node keeps one cache for each user and set of flags.
RUN ["node", "--disable-sigusr1", "--max-semi-space-size=16", "--eval", "Promise.all(['main', 'config/config', 'assemble/app'].map((file) => import('/promgate/src/' + file + '.ts')))"]
VOLUME ["/var/lib/promgate"]
EXPOSE 8085
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 CMD ["node", "--eval", "fetch('http://127.0.0.1:' + (process.env.PROMGATE_LISTEN_PORT ?? process.env.PORT) + '/healthz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# node is the container's first process, so that SIGTERM reaches it.
ENTRYPOINT ["node", "--disable-sigusr1", "--max-semi-space-size=16", "/promgate/src/main.ts"]
CMD ["serve"]
