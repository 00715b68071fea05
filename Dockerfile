# mmio-bisect itself: of the services of docker-compose.yml, all but the database.
# BASE is Debian's slim image where a registry answers, or any Debian of your own: one that holds your proxy's certificate
# below /usr/local/share/ca-certificates works behind that proxy. README.md says how it is pinned.
ARG BASE=debian:trixie-slim

FROM ${BASE} AS packages
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates git python3 python3-venv

FROM packages AS build
COPY requirements.lock /src/
RUN python3 -m venv /opt/mmio-bisect \
    && /opt/mmio-bisect/bin/pip install --no-cache-dir --require-hashes --requirement /src/requirements.lock
COPY pyproject.toml README.md LICENSE LICENSE-MIT LICENSE-APACHE /src/
COPY bisect /src/bisect
COPY recipes /src/recipes
RUN /opt/mmio-bisect/bin/pip install --no-cache-dir --no-deps --no-build-isolation /src

# What runs, without what only a person would read and without package managers. Git's own programs need no Perl but for
# mail and Subversion; /usr/bin/perl stays, in the little that is Debian's essential part of it.
FROM packages AS system
COPY .docker/slim.sh /tmp/slim.sh
RUN useradd --uid 10001 --home-dir /var/lib/mmio-bisect --shell /usr/sbin/nologin mmio \
    && useradd --uid 10002 --home-dir /nonexistent --shell /usr/sbin/nologin guard \
    && sh /tmp/slim.sh

FROM scratch
COPY --from=system / /
COPY --from=build /opt/mmio-bisect /opt/mmio-bisect
COPY --from=system --chown=10001:10001 /srv /var/lib/mmio-bisect
COPY --from=system --chown=10001:10001 /srv /var/lib/mmio-bisect/compilers
COPY --from=system --chown=10001:10001 /srv /var/lib/mmio-bisect/www
COPY --from=system --chown=10002:10002 /srv /run/mmio-bisect
COPY --from=system --chown=10003:10003 /srv /run/postgresql
ENV PATH=/opt/mmio-bisect/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/var/lib/mmio-bisect \
    MMIO_BISECT_DATABASE=sqlite:////var/lib/mmio-bisect/history.db \
    MMIO_BISECT_STORE=/var/lib/mmio-bisect/compilers/store \
    XDG_CACHE_HOME=/var/lib/mmio-bisect/cache \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt
USER 10001:10001
WORKDIR /var/lib/mmio-bisect
ENTRYPOINT ["mmio-bisect"]
CMD ["--help"]
