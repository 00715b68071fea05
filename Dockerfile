# mmio-bisect itself, in a container that needs no rights: `docker compose run --rm mmio-bisect run …`.
# BASE is Debian's slim image where a registry answers, or any Debian of your own: one that holds your proxy's certificate
# below /usr/local/share/ca-certificates works behind that proxy.
ARG BASE=debian:trixie-slim
FROM ${BASE} AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
COPY pyproject.toml README.md LICENSE LICENSE-MIT LICENSE-APACHE /src/
COPY bisect /src/bisect
COPY recipes /src/recipes
RUN python3 -m venv /opt/mmio-bisect \
    && /opt/mmio-bisect/bin/pip install --no-cache-dir --upgrade 'pip>=25.1' \
    && /opt/mmio-bisect/bin/pip install --no-cache-dir '/src[postgresql]'

FROM ${BASE}
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates git python3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 mmio \
    && install --directory --owner=mmio --group=mmio /var/lib/mmio-bisect /var/lib/mmio-bisect/www
COPY --from=build /opt/mmio-bisect /opt/mmio-bisect
ENV PATH=/opt/mmio-bisect/bin:$PATH \
    MMIO_BISECT_DATABASE=sqlite:////var/lib/mmio-bisect/history.db \
    MMIO_BISECT_STORE=/var/lib/mmio-bisect/toolchains \
    XDG_CACHE_HOME=/var/lib/mmio-bisect/cache
USER mmio
WORKDIR /var/lib/mmio-bisect
ENTRYPOINT ["mmio-bisect"]
CMD ["--help"]
