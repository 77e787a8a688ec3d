# syntax=docker/dockerfile:1
FROM docker.io/library/node:24-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY src src
RUN node scripts/build.ts

FROM docker.io/library/node:24-bookworm-slim AS dependencies
WORKDIR /quern
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM docker.io/library/node:24-bookworm-slim
LABEL org.opencontainers.image.title="quern" \
      org.opencontainers.image.description="Grinds raw events into features: time-correct, validated, versioned" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN if ! command -v tini > /dev/null; then apt-get update && apt-get install -y --no-install-recommends tini; fi \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log \
    && mkdir /spill /project && chmod 1777 /spill && chown 10001:10001 /project \
    && ln -s /quern/bin/quern.js /usr/local/bin/quern
WORKDIR /quern
COPY --from=dependencies /quern/node_modules node_modules
COPY --from=build /build/dist dist
COPY package.json LICENSE ./
COPY bin bin
ENV NODE_ENV=production TMPDIR=/spill NODE_COMPILE_CACHE=/spill/.node
WORKDIR /project
USER 10001:10001
ENTRYPOINT ["tini", "--", "quern"]
CMD ["--help"]
