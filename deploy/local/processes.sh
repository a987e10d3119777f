# Sourced by up and down: the processes of one machine, their pid files and their readiness.
# shellcheck shell=bash

RUN="$EGOV_HOME/run"
LOG="$EGOV_HOME/log"
BIN="$EGOV_HOME/bin"

# In the order in which they start; they stop the other way round.
PROCESSES=(egov-ca egov-enrolment egov-tsa egov-ocsp population)

# Whether the process of this name runs: the pid file's process must be our binary, not a stranger with its number.
running() {
  local pid
  [[ -s $RUN/$1.pid ]] || return 1
  pid=$(<"$RUN/$1.pid")
  # A binary that was replaced while it runs is shown with " (deleted)".
  [[ $(readlink "/proc/$pid/exe" 2>/dev/null) == "$BIN/$1"* ]]
}

# start NAME ARGUMENT...: in a session of its own, so that Ctrl-C reaches it only through us; without up's lock.
start() {
  local name=$1
  shift
  running "$name" && return 0
  setsid "$BIN/$name" "$@" >>"$LOG/$name.log" 2>&1 </dev/null 9>&- &
  local pid=$!
  echo $pid >"$RUN/$name.pid"
  # Until it is our binary and not still setsid: else a slow machine takes it for ended.
  until running "$name" || ! kill -0 $pid 2>/dev/null; do sleep 0.02; done
}

# await NAME SECONDS COMMAND...: until the command succeeds; says what the process logged last when it does not.
await() {
  local name=$1 left=$(($2 * 10))
  shift 2
  until "$@" >/dev/null 2>&1; do
    if ! running "$name"; then
      tail -n 15 "$LOG/$name.log" >&2
      die "$name ended; its log is $LOG/$name.log"
    fi
    ((left-- > 0)) || { tail -n 15 "$LOG/$name.log" >&2; die "$name is not ready; its log is $LOG/$name.log"; }
    sleep 0.1
  done
}

ready() { curl --fail --silent --max-time 2 "http://127.0.0.1:$1/readyz"; }

stop() {
  local name=$1 pid left=300
  running "$name" || { rm -f "$RUN/$name.pid"; return 0; }
  pid=$(<"$RUN/$name.pid")
  kill -TERM "$pid" 2>/dev/null || true
  while running "$name" && ((left-- > 0)); do sleep 0.1; done
  if running "$name"; then
    echo "$name did not stop within 30 s and is killed" >&2
    kill -KILL "$pid" 2>/dev/null || true
  fi
  rm -f "$RUN/$name.pid"
}

stop_all() {
  local i
  for ((i = ${#PROCESSES[@]} - 1; i >= 0; i--)); do
    if running "${PROCESSES[i]}"; then
      stop "${PROCESSES[i]}"
      echo "Stopped ${PROCESSES[i]}."
    fi
  done
}
