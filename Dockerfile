# syntax=docker/dockerfile:1
# The relay with its pages in one binary, in an image without a compiler, run by a user without rights.

FROM node:20-bookworm-slim AS pages
WORKDIR /build/web
COPY web/ ./
RUN --mount=type=cache,target=/root/.npm npm ci --no-audit --no-fund && npm run build

FROM rust:1.95-slim-bookworm AS binary
RUN apt-get update && apt-get install -y --no-install-recommends cmake make g++ pkg-config && rm -rf /var/lib/apt/lists/*
WORKDIR /build
# The image brings the pinned toolchain; the file asks for components that a build does not need.
ENV RUSTUP_TOOLCHAIN=1.95
COPY Cargo.toml Cargo.lock build.rs ./
COPY bench/ bench/
COPY docs/ docs/
COPY media/ media/
COPY migrations/ migrations/
COPY signaling/ signaling/
COPY simulator/ simulator/
COPY src/ src/
COPY --from=pages /build/web/app/dist/ web/app/dist/
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/build/target \
    cargo build --locked --release --bin vivavoce && install -D -m 0755 target/release/vivavoce /out/vivavoce

FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="Vivavoce" \
      org.opencontainers.image.description="A server-side WebRTC relay for AI voice interviews" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin vivavoce \
    && install -d -o vivavoce -g vivavoce -m 0750 /data
COPY LICENSE /usr/share/doc/vivavoce/LICENSE
COPY --from=binary /out/vivavoce /usr/local/bin/vivavoce
ENV DATA_DIR=/data LOG_FORMAT=json
USER vivavoce
WORKDIR /data
VOLUME /data
# HTTP and WebSocket; the candidates' audio, which must reach the process on the same port.
EXPOSE 8080/tcp 7878/udp
STOPSIGNAL SIGTERM
# bash opens the socket itself: nothing is installed for it.
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s --retries=3 \
    CMD ["bash", "-c", "exec 3<>\"/dev/tcp/127.0.0.1/${LISTEN_ADDR##*:}\" 2>/dev/null || exec 3<>/dev/tcp/127.0.0.1/8080 || exit 1; printf 'GET /healthz HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3; read -r -t 4 line <&3; [[ $line == *' 200 '* ]]"]
ENTRYPOINT ["vivavoce"]
CMD ["serve"]
