# Stands in for the public Valkey image where no registry is reachable: Debian's Redis under Valkey's names.
ARG BASE
FROM ${BASE}
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends redis-server \
    && ln -s /usr/bin/redis-server /usr/local/bin/valkey-server && ln -s /usr/bin/redis-cli /usr/local/bin/valkey-cli
USER redis
WORKDIR /tmp
CMD ["valkey-server"]
