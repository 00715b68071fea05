# PostgreSQL as the Debian of BASE has it, on a socket alone, for the profile of that name in docker-compose.yml.
ARG BASE=debian:trixie-slim

FROM ${BASE} AS database
COPY .docker/slim.sh /tmp/slim.sh
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends postgresql \
    && useradd --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin mmio \
    && useradd --uid 10003 --home-dir /nonexistent --shell /usr/sbin/nologin database \
    && rm -rf /var/lib/postgresql /var/run/postgresql/* \
    && sh /tmp/slim.sh
COPY .docker/postgres.sh /usr/local/bin/

# Whoever connects is who the kernel says, and there is no port: no password can be lost.
FROM scratch
COPY --from=database / /
COPY --from=database --chown=10003:10003 /srv /var/lib/postgresql
COPY --from=database --chown=10003:10003 /srv /run/postgresql
USER 10003:10003
STOPSIGNAL SIGINT
ENTRYPOINT ["/usr/local/bin/postgres.sh"]
