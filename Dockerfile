# The mock provider as an image: one static binary, nobody's user, and nothing else.
#
#   docker build -t mock-provider .
#   docker run --rm -p 9400:9400 mock-provider
#
# `--build-arg FEATURES=cli,redis` makes one for replicas (docs/replicas.md).
#
# scripts/static-binary checks without a container engine that the binary needs nothing around it.

FROM rust:1.95-slim AS build
ARG FEATURES=cli
WORKDIR /source
COPY . .
# A static program cannot look for getrandom(2) in its C library, and would open /dev/urandom.
ENV RUSTFLAGS="-C target-feature=+crt-static --cfg getrandom_backend=\"linux_getrandom\""
# Naming the target keeps the flags away from build scripts and macros, which cannot be static.
RUN target=$(rustc -vV | sed -n 's/^host: //p') \
 && cargo build --release --locked --package oauth-gauntlet-provider --features "$FEATURES" --bin mock-provider --target "$target" \
 && mkdir -p /image/tmp \
 && chmod 1777 /image/tmp \
 && cp "target/$target/release/mock-provider" /image/mock-provider

FROM scratch
COPY --from=build /image/ /
# Within a container, loopback is the container's own. Published ports still need `--publish`.
ENV MOCK_PROVIDER_HOST=0.0.0.0
USER 65532:65532
EXPOSE 9400
HEALTHCHECK --interval=5s --timeout=3s --start-period=5s --retries=3 CMD ["/mock-provider", "healthcheck"]
ENTRYPOINT ["/mock-provider"]
