# Stands in for the public Kafka image where no registry is reachable: takes the same KAFKA_* variables.
ARG BASE
FROM ${BASE}
RUN useradd --uid 1000 --no-create-home kafka && install -d -o kafka /var/lib/kafka/data /etc/kafka-server
COPY java /opt/java
COPY jars /opt/jars
COPY log4j2.properties /etc/kafka-log4j2.properties
COPY kafka.sh /usr/local/bin/kafka.sh
USER kafka
VOLUME /var/lib/kafka/data
CMD ["sh", "/usr/local/bin/kafka.sh"]
