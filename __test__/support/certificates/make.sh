#!/bin/sh
# Makes the certificates anew: an authority, and what it has signed. Valid from 2020 on, for tests on machines whose clocks are behind.
set -e
cd "$(dirname "$0")"
T=$(mktemp -d)
trap 'rm -r "$T"' EXIT
: > "$T/index"
cat > "$T/ca.cnf" <<CNF
[ca]
default_ca = here
[here]
database = $T/index
new_certs_dir = $T
rand_serial = yes
default_md = sha256
policy = any
[any]
commonName = supplied
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[localhost]
subjectAltName = DNS:localhost,IP:127.0.0.1,IP:::1
[other]
subjectAltName = DNS:other.test,DNS:*.other.test
[client]
extendedKeyUsage = clientAuth
CNF
sign() { # name, more
  name=$1; shift
  openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt > "$T/$name.key"
  openssl req -new -key "$T/$name.key" -subj "/CN=$name" -out "$T/$name.csr"
  openssl ca -batch -notext -config "$T/ca.cnf" -startdate 20200101000000Z -enddate 21200101000000Z -extensions "$name" -in "$T/$name.csr" -out "$T/$name.crt" "$@"
}
sign authority -selfsign -keyfile "$T/authority.key"
for name in localhost other client; do
  sign "$name" -cert "$T/authority.crt" -keyfile "$T/authority.key"
  cat "$T/$name.key" "$T/$name.crt" > "$name.pem"
done
cp "$T/authority.crt" authority.pem
