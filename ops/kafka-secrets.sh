#!/bin/sh
# Makes the secrets that a secured Kafka starts from, in the folder DIR; harmless to repeat, what is there stays:
#   ca.key, ca.pem     an authority of this cluster's own; whoever has ca.key can be a broker: keep it elsewhere
#   BROKER.pem         key and certificate of each broker, for its name, localhost and 127.0.0.1
#   USER.password      a password of each user, 48 hex digits
# Usage: ops/kafka-secrets.sh DIR     BROKERS="kafka-1 …" and USERS="admin …" name others than these:
set -eu
: "${BROKERS:=kafka-1 kafka-2 kafka-3}"
: "${USERS:=admin ticketbus.prepare ticketbus.gateway ticketbus.worker ticketbus.watch ticketbus.operator}"
umask 077
mkdir -p "$1"
cd "$1"
chmod 700 .

cat > openssl.cnf << 'END'
[req]
prompt = no
distinguished_name = name
x509_extensions = authority
[name]
CN = Kafka of ticketbus
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
END
[ -e ca.pem ] || openssl req -x509 -config openssl.cnf -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
    -days 3650 -keyout ca.key -out ca.pem

for broker in $BROKERS; do
    [ -e "$broker.pem" ] && continue
    cat > broker.cnf << END
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = DNS:$broker, DNS:localhost, IP:127.0.0.1
END
    openssl req -new -config openssl.cnf -subj "/CN=$broker" -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
        -keyout broker.key -out broker.csr
    openssl x509 -req -in broker.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 825 -extfile broker.cnf \
        -out broker.crt
    cat broker.key broker.crt > "$broker.pem"
    rm broker.key broker.csr broker.crt broker.cnf
done

for user in $USERS; do
    [ -e "$user.password" ] || openssl rand -hex 24 > "$user.password"
done

# The folder is closed to others; a container, which sees the single file, reads it as a user of its own.
for broker in $BROKERS; do chmod 644 "$broker.pem"; done
for user in $USERS; do chmod 644 "$user.password"; done
chmod 644 ca.pem
rm openssl.cnf
