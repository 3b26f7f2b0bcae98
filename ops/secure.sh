#!/bin/sh
# Makes what a secured bus starts from, in the folder DIR: certificates, passwords, and an env file for each program.
# Harmless to repeat: what is there stays, what is missing is made. Usage: sh ops/secure.sh DIR
#   ca.key, ca.pem      an authority of this cluster's own; whoever has ca.key can be a broker: keep it elsewhere
#   BROKER.pem          key and certificate of each broker, for its name, localhost and 127.0.0.1
#   postgres.pem registry.pem gateway.pem worker.pem      the same of the other servers
#   bus.pem bus_2.pem   keys and certificates by which PostgreSQL knows its roles bus and bus_2, where it asks for one
#   USER.password       a password of each user of Kafka, 48 hex digits
#   database_url …      the other secrets, each named after its setting
#   USER.env            the variables of each program: addresses, and the files of its secrets
#   registry.env        those of the registry (Apicurio); they hold its passwords
# These name what differs; HOST is the name by which clients reach it:
#   BROKERS="kafka-1 …" POSTGRES=HOST REGISTRY=HOST GATEWAY=HOST WORKER=HOST
#   KAFKA_PORT POSTGRES_PORT REGISTRY_PORT GATEWAY_PORT WORKER_PORT (of a worker's metrics)
#   USERS="admin …" of Kafka; NAMESPACE, as TICKETBUS_NAMESPACE
#   AT=/etc/ticketbus   where the programs see the folder, if it is not where it is made
#   MODE=644            of certificates and passwords that a container reads as a user of its own; the folder is closed
#   RENEW="gateway …"   certificates to make anew: each is replaced once its successor is there, in one step
# A certificate is signed with ca.key, which has to be in DIR for as long as one is made; nothing changes without it.
set -eu
: "${BROKERS:=kafka-1 kafka-2 kafka-3}" "${POSTGRES:=postgres}" "${REGISTRY:=registry}" "${GATEWAY:=gateway}"
: "${WORKER:=worker}" "${WORKER_PORT:=8445}"
: "${KAFKA_PORT:=9092}" "${POSTGRES_PORT:=5432}" "${REGISTRY_PORT:=8443}" "${GATEWAY_PORT:=8444}"
: "${MODE:=600}" "${NAMESPACE:=}" "${RENEW:=}"
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
    [ -e "$file" ] || { "$@" > "$half/made" && mv "$half/made" "$file"; }
}

refuse() {
    echo "ops/secure.sh: $1; nothing was changed" >&2
    exit 1
}
asked() { case " $RENEW " in *" $1 "*) ;; *) return 1 ;; esac }
certificates="$BROKERS postgres registry gateway worker bus bus_2"
wanted=
for name in $certificates; do
    if [ ! -e "$name.pem" ] || asked "$name"; then wanted="$wanted $name"; fi
done
for name in $RENEW; do
    case " $certificates " in *" $name "*) ;; *) refuse "RENEW names $name, which is none of: $certificates" ;; esac
done
if [ -e ca.pem ]; then
    if [ -n "$wanted" ] && [ ! -e ca.key ]; then
        refuse "$PWD/ca.key is not there, which signs$wanted: put it there for as long as this takes"
    fi
else
    for name in $certificates; do
        [ ! -e "$name.pem" ] || refuse "$PWD/ca.pem is not there, which signed $name.pem: put it back"
    done
fi

# What is half made lies here, and goes whatever the end.
half=$PWD/half.$$
mkdir "$half"
trap 'rm -rf "$half"' EXIT
trap 'exit 1' HUP INT TERM
cat > "$half/openssl.cnf" << 'END'
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
if [ ! -e ca.pem ]; then
    openssl req -x509 -config "$half/openssl.cnf" -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
        -days 3650 -keyout "$half/ca.key" -out "$half/ca.pem"
    chmod 644 "$half/ca.pem"
    mv "$half/ca.key" ca.key
    mv "$half/ca.pem" ca.pem
fi

# Makes NAME.pem with the common name CN, for a USE of TLS and, of a server, its HOST; MODE if not closed to others.
certify() { # NAME CN USE [HOST [MODE]]
    case " $wanted " in *" $1 "*) ;; *) return 0 ;; esac
    cat > "$half/new.cnf" << END
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = $3
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
${4:+subjectAltName = DNS:$4, DNS:localhost, IP:127.0.0.1}
END
    openssl req -new -config "$half/openssl.cnf" -subj "/CN=$2" -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
        -keyout "$half/new.key" -out "$half/new.csr"
    openssl x509 -req -in "$half/new.csr" -CA ca.pem -CAkey ca.key -set_serial "0x$(openssl rand -hex 16)" -days 825 \
        -extfile "$half/new.cnf" -out "$half/new.crt"
    cat "$half/new.key" "$half/new.crt" > "$half/new.pem"
    chmod "${5:-600}" "$half/new.pem"
    mv "$half/new.pem" "$1.pem"
}
bootstrap=
for broker in $BROKERS; do
    certify "$broker" "$broker" serverAuth,clientAuth "$broker" "$MODE"
    bootstrap=${bootstrap:+$bootstrap,}$broker:$KAFKA_PORT
done
certify postgres "$POSTGRES" serverAuth "$POSTGRES"
certify registry "$REGISTRY" serverAuth "$REGISTRY"
certify gateway "$GATEWAY" serverAuth "$GATEWAY"
certify worker "$WORKER" serverAuth "$WORKER"
certify bus bus clientAuth
certify bus_2 bus_2 clientAuth

for user in $USERS; do
    [ -e "$user.password" ] && continue
    make "$user.password" openssl rand -hex 24
    chmod "$MODE" "$user.password"
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
        *.worker) cat << END ;;
TICKETBUS_METRICS_PORT=$WORKER_PORT
TICKETBUS_HTTP_CERTIFICATE_FILE=$AT/worker.pem
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
