# Sourced by up: who lives in the house, and how each is made.
# shellcheck shell=bash

PORTS=${EGOV_PORTS:-7400}
ENROLMENT_PORT=$PORTS
TSA_PORT=$((PORTS + 1))
POPULATION_PORT=$((PORTS + 2))
OCSP_PORT=$((PORTS + 3))

TARGETS=(
  //services/identity/ca:egov-ca
  //services/identity/enrolment:egov-enrolment
  //services/identity/tsa:egov-tsa
  //services/identity/ocsp:egov-ocsp
  //services/population:population
  //services/ctl:egovctl
)

# Members and subsystems of the invented instance; the codes are those of nobody.
POPULATION=spiffe://ee/GOV/70000562/population
REGISTRAR=spiffe://ee/GOV/70000562/registrar
OFFICERS=spiffe://ee/GOV/70000562/officers
PENSIONS=spiffe://ee/GOV/70000310/pensions
PORTAL=spiffe://ee/GOV/70000400/portal
AUDITOR=spiffe://ee/GOV/70000500/auditor
TSA=spiffe://ee/GOV/70000600/tsa
OCSP=spiffe://ee/GOV/70000600/ocsp

CA="$EGOV_HOME/ca"
PUBLISHED="$CA/published"
ANCHORS="$PUBLISHED/anchors.pem"
MEMBERS="$EGOV_HOME/members"
CONFIG="$EGOV_HOME/config"

ctl() { "$BIN/egovctl" "$@"; }
ca() { "$BIN/egov-ca" "$@"; }

make_authority() {
  mkdir -p "$CONFIG" "$MEMBERS"
  if [[ -e $CA/ca.json ]]; then
    say "are there already"
    return
  fi
  ca init --home "$CA" --instance ee --organisation "egov on one machine" \
    --public-url "http://127.0.0.1:$ENROLMENT_PORT" --ocsp-url "http://127.0.0.1:$OCSP_PORT"
  say "root, and authorities for transport, seals and time-stamps, in $CA"
}

start_authority() {
  start egov-ca serve --home "$CA"
  await egov-ca 20 ca list --home "$CA"
  cat >"$CONFIG/enrolment.json" <<JSON
{"listen": "127.0.0.1:$ENROLMENT_PORT", "ops_listen": "127.0.0.1:$((ENROLMENT_PORT + 10))",
 "signer_socket": "$CA/run/enrolment.sock", "published": "$PUBLISHED", "directory": "$EGOV_HOME/directory/directory.egov"}
JSON
  start egov-enrolment --config "$CONFIG/enrolment.json"
  await egov-enrolment 20 ready $((ENROLMENT_PORT + 10))
  enrol "$TSA" tsa "Time-stamping on one machine" time-stamp
  cat >"$CONFIG/tsa.json" <<JSON
{"listen": "127.0.0.1:$TSA_PORT", "ops_listen": "127.0.0.1:$((TSA_PORT + 10))",
 "identity": "$MEMBERS/tsa/time-stamp/current", "policy": "1.3.6.1.4.1.99999.1.1", "accuracy_ms": 1000,
 "clock_assurance": "DECLARED", "state": "$EGOV_HOME/tsa.state"}
JSON
  start egov-tsa --config "$CONFIG/tsa.json"
  await egov-tsa 20 ready $((TSA_PORT + 10))
  enrol "$OCSP" ocsp "Status answers on one machine" ocsp-transport ocsp-seal ocsp-time-stamp
  cat >"$CONFIG/ocsp.json" <<JSON
{"listen": "127.0.0.1:$OCSP_PORT", "ops_listen": "127.0.0.1:$((OCSP_PORT + 10))", "status_socket": "$CA/run/status.sock",
 "folder": "$MEMBERS/ocsp", "enrolment_url": "http://127.0.0.1:$ENROLMENT_PORT"}
JSON
  start egov-ocsp --config "$CONFIG/ocsp.json"
  await egov-ocsp 20 ready $((OCSP_PORT + 10))
  say "root certificate: $(openssl x509 -in "$PUBLISHED/root.pem" -noout -fingerprint -sha256 | cut -d= -f2)"
}

# enrol URI FOLDER ORGANISATION KIND...: a token from the authority, certificates for the token. Nothing is done where they
# are there; a short-lived certificate (transport, a responder's) that ended while the machine was off is asked for anew.
enrol() {
  local uri=$1 folder="$MEMBERS/$2" organisation=$3 kind needed=()
  shift 3
  for kind in "$@"; do
    if [[ ! -e $folder/$kind/current/cert.pem ]]; then
      needed+=("$kind")
    elif [[ $kind == transport || $kind == ocsp-* ]] && ! openssl x509 -in "$folder/$kind/current/cert.pem" -noout -checkend 3600 >/dev/null; then
      rm -rf "${folder:?}/$kind"
      needed+=("$kind")
    fi
  done
  ((${#needed[@]})) || return 0
  local kinds
  kinds=$(IFS=,; echo "${needed[*]}")
  # The token goes through a file: a command line is seen by everybody.
  (umask 077; ca token --home "$CA" --member "$uri" --kinds "$kinds" --organisation "$organisation" \
    --ip 127.0.0.1 --dns localhost >"$RUN/token")
  ctl member enrol --token-file "$RUN/token" --url "http://127.0.0.1:$ENROLMENT_PORT" --member "$uri" --kinds "$kinds" \
    --out "$folder" >/dev/null
  rm -f "$RUN/token"
  say "$uri: $kinds"
}

enrol_members() {
  enrol "$POPULATION" population "Ministry of the Interior" transport log
  enrol "$REGISTRAR" registrar "Ministry of the Interior" transport seal
  enrol "$OFFICERS" officers "Ministry of the Interior" transport seal
  enrol "$PENSIONS" pensions "Pension Board" transport seal
  enrol "$PORTAL" portal "State Portal" transport seal
  enrol "$AUDITOR" auditor "National Audit Office" transport seal
}

# Callers' certificates and lists; the register sees to its own. One that is over, after a night's sleep, needs `up` anew.
keep_fresh() {
  local member
  for member in registrar officers pensions portal auditor; do
    ctl member renew --if-due --kinds transport,seal "$MEMBERS/$member" >/dev/null ||
      echo "The certificates of $member were not looked after; it is tried again in 10 minutes." >&2
  done
}

make_directory() {
  local folder="$EGOV_HOME/directory"
  mkdir -p "$folder"
  write_context
  if [[ -s $folder/accepted.egov ]] && ctl directory show >/dev/null 2>&1; then
    say "an edition is in force"
    return
  fi
  [[ -e $folder/signer.key ]] || ctl directory key --out "$folder/signer.key" >/dev/null
  ctl directory build --instance ee --edition "$(date +%s)" --days 365 \
    --member "GOV/70000562/population/registrar/officers=Ministry of the Interior" \
    --member "GOV/70000310/pensions=Pension Board" \
    --member "GOV/70000400/portal=State Portal" \
    --member "GOV/70000500/auditor=National Audit Office" \
    --member "GOV/70000600/tsa=Time-stamping on one machine" \
    --serve "$POPULATION=127.0.0.1:$POPULATION_PORT" \
    --root "$PUBLISHED/root.pem" --transport-ca "$PUBLISHED/transport.pem" --seal-ca "$PUBLISHED/seal.pem" \
    --time-stamp-ca "$PUBLISHED/time-stamp.pem" \
    --tsa "http://127.0.0.1:$TSA_PORT/=$MEMBERS/tsa/time-stamp/current/cert.pem" --clock declared >"$folder/directory.json"
  ctl directory sign --in "$folder/directory.json" --key "$folder/signer.key" --out "$folder/directory.egov" >/dev/null
  ctl directory accept "$folder/directory.egov" | sed 's/^/      /'
}

# Who egovctl is on this machine.
write_context() {
  cat >"$EGOV_HOME/ctl.json" <<JSON
{
  "directory": "directory/accepted.egov",
  "directory_keys": ["directory/signer.key.pub"],
  "anchors": "ca/published/anchors.pem",
  "authorities": "ca/published/authorities.pem",
  "memory": "memory",
  "enrolment": "http://127.0.0.1:$ENROLMENT_PORT",
  "service": "population",
  "identity": "pensions",
  "identities": {
    "pensions": {"folder": "members/pensions", "purpose": "pension-payment",
                 "act": "State Pension Insurance Act", "provision": "payment of pensions", "version": "2026-01-01"},
    "registrar": {"folder": "members/registrar", "purpose": "population-registration",
                  "act": "Population Register Act", "provision": "entry of data", "version": "2026-01-01"},
    "officers": {"folder": "members/officers", "purpose": "access-management",
                 "act": "Population Register Act", "provision": "access to data", "version": "2026-01-01"},
    "portal": {"folder": "members/portal", "purpose": "own-data",
               "act": "Population Register Act", "provision": "right to know", "version": "2026-01-01"},
    "auditor": {"folder": "members/auditor", "purpose": "audit",
                "act": "National Audit Office Act", "provision": "audit", "version": "2026-01-01"}
  }
}
JSON
}

start_population() {
  mkdir -p "$EGOV_HOME/population"
  cat >"$CONFIG/population.json" <<JSON
{
  "register": {
    "audience": "$POPULATION",
    "listen": "127.0.0.1:$POPULATION_PORT",
    "ops_listen": "127.0.0.1:$((POPULATION_PORT + 10))",
    "data_directory": "$EGOV_HOME/population",
    "tls": {"key": "$MEMBERS/population/transport/current/key.pem", "certificate": "$MEMBERS/population/transport/current/cert.pem",
            "anchors": "$MEMBERS/population/anchors.pem", "crl_directory": "$MEMBERS/population/crl"},
    "log_key": "$MEMBERS/population/log/current/key.pem",
    "log_certificate": "$MEMBERS/population/log/current/cert.pem",
    "authorities": "$MEMBERS/population/authorities.pem",
    "time_stamping": [{"url": "http://127.0.0.1:$TSA_PORT/"}],
    "first_officer": "$OFFICERS",
    "time_zone": "Europe/Tallinn"
  },
  "schemes": ["ee-isikukood", "nl-bsn"],
  "renewal": {"url": "http://127.0.0.1:$ENROLMENT_PORT", "folder": "$MEMBERS/population"}
}
JSON
  "$BIN/population" --config "$CONFIG/population.json" --check-config
  start population --config "$CONFIG/population.json"
  await population 60 ready $((POPULATION_PORT + 10))
}

# grant SUBSYSTEM PURPOSE METHOD [ITEMS [OPTION...]]
grant() {
  local subsystem=$1 purpose=$2 method=$3 items=${4:-}
  shift 3
  shift || true
  ctl access grant --as officers --from "$(TZ=Europe/Tallinn date +%F)" --to "$subsystem" --for "$purpose" --method "$method" ${items:+--items "$items"} "$@" >/dev/null
  say "${subsystem##*/}: ${method##*.} for $purpose"
}

grant_rights() {
  if ctl access list --as officers --of "$PENSIONS" | grep -q VerifyVitalStatus; then
    say "are granted already"
    return
  fi
  local service=egov.population.v1.PopulationService method
  for method in LoadPeople RecordBirth RecordDeath AnnulDeath RecordNameChange RecordResidenceChange ReplaceIdentifier; do
    grant "$REGISTRAR" population-registration "$service/$method"
  done
  local person=birth_date,birth_place,death_date,death_place,identifiers,name,parents,residence,sex
  grant "$REGISTRAR" population-registration "$service/GetPerson" \
    "population.person.${person//,/,population.person.}" --calls 100000
  grant "$PORTAL" own-data egov.disclosure.v1.UsageService/FindUsage disclosure.usage
  grant "$AUDITOR" audit egov.evidence.v1.EvidenceService/audit
  grant "$PENSIONS" pension-payment "$service/WatchChanges" population.change
  # Last, because it says that all are granted.
  grant "$PENSIONS" pension-payment "$service/VerifyVitalStatus" \
    population.person.vital_status,population.person.death_date,population.person.identifiers --codes 10000000 --time-stamp-required
}
