#!/bin/sh
# KAFKA_NODE_ID=1 becomes node.id=1, as the public image does it; then the storage is formatted once and the broker runs.
set -eu
settings=/etc/kafka-server/server.properties
env | grep '^KAFKA_' | grep -v '^KAFKA_HEAP_OPTS=' | while IFS='=' read -r key value; do
    printf '%s=%s\n' "$(printf '%s' "${key#KAFKA_}" | tr 'A-Z_' 'a-z.')" "$value"
done > "$settings"
java="/opt/java/bin/java ${KAFKA_HEAP_OPTS} -XX:+UseSerialGC -XX:TieredStopAtLevel=1 --enable-native-access=ALL-UNNAMED"
java="$java -Dlog4j2.configurationFile=/etc/kafka-log4j2.properties -cp /opt/jars/*"
set -f
$java kafka.tools.StorageTool format --cluster-id=5L6g3nShT-eMCtK--X86sw --config "$settings" --ignore-formatted
exec $java kafka.Kafka "$settings"
