# landfall in an image of nothing else: the static program and the certificates that it trusts. It runs as a user
# that is not root, with a read-only file system, and needs a folder for temporary files:
#
#   docker run --rm --read-only --tmpfs /tmp -v "$PWD:/work:ro" -e AWS_REGION ... landfall deploy
#
# From a release's programs, without pulling anything (scripts/package makes the context):
#
#   docker build --target package --build-arg TARGETARCH=amd64 -f Dockerfile DIR/image
#
# From this repository, in the image of the Rust project (BuildKit alone; it sets TARGETARCH itself):
#
#   docker build --target build -t landfall .

# `package` comes first: the classic builder builds everything above the stage that is asked for.
FROM scratch AS package
ARG TARGETARCH
ARG VERSION=
ARG REVISION=
LABEL org.opencontainers.image.title="landfall" \
    org.opencontainers.image.description="From a container image to a healthy Amazon ECS service, in one step" \
    org.opencontainers.image.licenses="Apache-2.0 OR MIT" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
# An empty /tmp that everyone may write to, for runs without --read-only.
COPY root/ /
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY linux/${TARGETARCH}/landfall /landfall
# What it remembers of layers goes below HOME.
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt HOME=/tmp
WORKDIR /work
USER 65532:65532
ENTRYPOINT ["/landfall"]

# The program for the machine that builds, with the C library in it.
FROM rust:1-alpine AS compile
RUN apk add --no-cache ca-certificates cmake gcc make musl-dev perl
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --locked --profile dist --bin landfall && cp target/dist/landfall /landfall
RUN mkdir -p /root-of-image/tmp && chmod 1777 /root-of-image/tmp

FROM scratch AS build
COPY --from=compile /root-of-image/ /
COPY --from=compile /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=compile /landfall /landfall
LABEL org.opencontainers.image.title="landfall" \
    org.opencontainers.image.description="From a container image to a healthy Amazon ECS service, in one step" \
    org.opencontainers.image.licenses="Apache-2.0 OR MIT"
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt HOME=/tmp
WORKDIR /work
USER 65532:65532
ENTRYPOINT ["/landfall"]
