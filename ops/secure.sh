#!/bin/sh
# Makes what a secured bus starts from, in the folder DIR: certificates, passwords, and an env file for each program.
# Harmless to repeat: what is there stays, what is missing is made. Usage: ops/secure.sh DIR
#   ca.key, ca.pem      an authority of this cluster's own; whoever has ca.key can be a broker: keep it elsewhere
#   BROKER.pem          key and certificate of each broker, for its name, localhost and 127.0.0.1
#   postgres.pem registry.pem gateway.pem      the same of the other servers
#   bus.pem             key and certificate by which PostgreSQL knows its role bus, where it asks for one
#   USER.password       a password of each user of Kafka, 48 hex digits
#   database_url …      the other secrets, each named after its setting
#   USER.env            the variables of each program: addresses, and the files of its secrets
#   registry.env        those of the registry (Apicurio); they hold its passwords
# These name what differs; HOST is the name by which clients reach it:
#   BROKERS="kafka-1 …" POSTGRES=HOST REGISTRY=HOST GATEWAY=HOST
#   KAFKA_PORT POSTGRES_PORT REGISTRY_PORT GATEWAY_PORT
#   USERS="admin …" of Kafka; NAMESPACE, as TICKETBUS_NAMESPACE
#   AT=/etc/ticketbus   where the programs see the folder, if it is not where it is made
#   MODE=644            of certificates and passwords that a container reads as a user of its own; the folder is closed
set -eu
: "${BROKERS:=kafka-1 kafka-2 kafka-3}" "${POSTGRES:=postgres}" "${REGISTRY:=registry}" "${GATEWAY:=gateway}"
: "${KAFKA_PORT:=9092}" "${POSTGRES_PORT:=5432}" "${REGISTRY_PORT:=8443}" "${GATEWAY_PORT:=8444}"
: "${MODE:=600}" "${NAMESPACE:=}"
prefix=${NAMESPACE:+$NAMESPACE.}
programs="prepare gateway worker watch operator"
: "${USERS:=admin $(for program in $programs; do printf '%sticketbus.%s ' "$prefix" "$program"; done)}"
umask 077
mkdir -p "$1"
cd "$1"
chmod 700 .
: "${AT:=$PWD}"

# Makes FILE of what a command prints, unless it is there; a command that fails leaves none.
make() {
    file=$1
    shift
    [ -e "$file" ] || { "$@" > "$file.new" && mv "$file.new" "$file"; }
}

cat > openssl.cnf << 'END'
[req]
prompt = no
distinguished_name = name
x509_extensions = authority
[name]
CN = ticketbus
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
END
[ -e ca.pem ] || openssl req -x509 -config openssl.cnf -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
    -days 3650 -keyout ca.key -out ca.pem

# Makes NAME.pem with the common name CN, for a USE of TLS and, of a server, its HOST.
certify() { # NAME CN USE [HOST]
    [ -e "$1.pem" ] && return
    cat > new.cnf << END
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = $3
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
${4:+subjectAltName = DNS:$4, DNS:localhost, IP:127.0.0.1}
END
    openssl req -new -config openssl.cnf -subj "/CN=$2" -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
        -keyout new.key -out new.csr
    openssl x509 -req -in new.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 825 -extfile new.cnf -out new.crt
    cat new.key new.crt > new.pem
    mv new.pem "$1.pem"
    rm new.key new.csr new.crt new.cnf
}
bootstrap=
for broker in $BROKERS; do
    certify "$broker" "$broker" serverAuth,clientAuth "$broker"
    bootstrap=${bootstrap:+$bootstrap,}$broker:$KAFKA_PORT
done
certify postgres "$POSTGRES" serverAuth "$POSTGRES"
certify registry "$REGISTRY" serverAuth "$REGISTRY"
certify gateway "$GATEWAY" serverAuth "$GATEWAY"
certify bus bus clientAuth
rm openssl.cnf

for user in $USERS; do
    make "$user.password" openssl rand -hex 24
done
make database_password openssl rand -hex 24
make registry_database_password openssl rand -hex 24
make database_url printf 'postgresql://bus:%s@%s:%s/ticketbus?sslmode=verify-full&sslrootcert=%s\n' \
    "$(cat database_password)" "$POSTGRES" "$POSTGRES_PORT" "$AT/ca.pem"
make schema_registry_basic_auth printf 'ticketbus:%s\n' "$(openssl rand -hex 24)"
make token openssl rand -hex 32 # the first admin's
make master_key openssl rand -base64 32
make webhook_secrets printf '{"crm": ["whsec_%s"]}\n' "$(openssl rand -base64 24)"
make intake_secrets printf '["%s"]\n' "$(openssl rand -hex 32)"

environment() { # USER
    cat << END
DATABASE_URL_FILE=$AT/database_url
KAFKA_BOOTSTRAP=$bootstrap
TICKETBUS_KAFKA_SECURITY_PROTOCOL=SASL_SSL
TICKETBUS_KAFKA_SASL_MECHANISM=SCRAM-SHA-256
TICKETBUS_KAFKA_CA_FILE=$AT/ca.pem
TICKETBUS_KAFKA_USERNAME=$1
TICKETBUS_KAFKA_PASSWORD_FILE=$AT/$1.password
SCHEMA_REGISTRY_URL=https://$REGISTRY:$REGISTRY_PORT/apis/ccompat/v7
SCHEMA_REGISTRY_CA_FILE=$AT/ca.pem
SCHEMA_REGISTRY_BASIC_AUTH_FILE=$AT/schema_registry_basic_auth
TICKETBUS_NAMESPACE=$NAMESPACE
TICKETBUS_MASTER_KEY_FILE=$AT/master_key
TICKETBUS_URL=https://$GATEWAY:$GATEWAY_PORT
TICKETBUS_CA_FILE=$AT/ca.pem
END
    case $1 in
        *.gateway | *.worker) cat << END ;;
TICKETBUS_WEBHOOK_SECRETS_FILE=$AT/webhook_secrets
TICKETBUS_INTAKE_SECRETS_FILE=$AT/intake_secrets
END
        admin) echo "TICKETBUS_TOKEN_FILE=$AT/token" ;;
    esac
    case $1 in
        *.gateway) cat << END ;;
TICKETBUS_HTTP_HOST=0.0.0.0
TICKETBUS_HTTP_PORT=$GATEWAY_PORT
TICKETBUS_HTTP_CERTIFICATE_FILE=$AT/gateway.pem
END
    esac
}
for user in admin $(for program in $programs; do echo "${prefix}ticketbus.$program"; done); do
    make "$user.env" environment "$user"
done

registry_environment() {
    password=$(cut -d : -f 2 schema_registry_basic_auth)
    cat << END
QUARKUS_HTTP_INSECURE_REQUESTS=disabled
QUARKUS_HTTP_SSL_PORT=$REGISTRY_PORT
QUARKUS_HTTP_SSL_CERTIFICATE_FILES=$AT/registry.pem
QUARKUS_HTTP_SSL_CERTIFICATE_KEY_FILES=$AT/registry.pem
QUARKUS_HTTP_SSL_CERTIFICATE_RELOAD_PERIOD=1m
QUARKUS_MANAGEMENT_HOST=127.0.0.1
QUARKUS_MANAGEMENT_PORT=0
QUARKUS_HTTP_ACCESS_LOG_ENABLED=false
QUARKUS_HTTP_AUTH_BASIC=true
QUARKUS_SECURITY_USERS_EMBEDDED_PLAIN_TEXT=true
QUARKUS_SECURITY_USERS_EMBEDDED_USERS_TICKETBUS=$password
QUARKUS_SECURITY_USERS_EMBEDDED_ROLES_TICKETBUS=sr-admin
APICURIO_AUTH_ANONYMOUS_READ_ACCESS_ENABLED=true
APICURIO_STORAGE_KIND=sql
APICURIO_STORAGE_SQL_KIND=postgresql
APICURIO_STORAGE_ORPHAN_CLEANUP_EVERY=off
APICURIO_RULES_GLOBAL_COMPATIBILITY=FULL_TRANSITIVE
APICURIO_DATASOURCE_URL="jdbc:postgresql://$POSTGRES:$POSTGRES_PORT/registry?sslmode=verify-full&sslrootcert=$AT/ca.pem"
APICURIO_DATASOURCE_USERNAME=registry
APICURIO_DATASOURCE_PASSWORD=$(cat registry_database_password)
END
}
make registry.env registry_environment

for broker in $BROKERS; do chmod "$MODE" "$broker.pem"; done
for user in $USERS; do chmod "$MODE" "$user.password"; done
chmod 644 ca.pem
