# The image of a worker. It holds the program, python3 for the tasks of python/v1, and nothing to build with.
FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o /gleitzeit ./cmd/gleitzeit

FROM debian:bookworm-20250811-slim AS base
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates python3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin gleitzeit
# By number: a machine that runs it must see that it is not root without knowing its users.
USER 10001:10001
WORKDIR /tmp
ENV GLEITZEIT_HOME=/tmp/gleitzeit
# Healthy is a worker that Temporal has seen asking for work within the last 90 seconds, by this container's name.
HEALTHCHECK --interval=30s --timeout=15s --start-period=30s --retries=3 \
    CMD gleitzeit status -o json | grep -q "@$(hostname)\""
ENTRYPOINT ["gleitzeit"]

# Of a release, which has built the program for each platform already.
FROM base AS released
ARG TARGETPLATFORM
COPY $TARGETPLATFORM/gleitzeit /usr/local/bin/gleitzeit

FROM base
COPY --from=build /gleitzeit /usr/local/bin/gleitzeit
