#!/bin/sh
# Stands before the runtime: notes its pid, and has the kernel end it when its parent dies, however that happens.
# RUNTIME_PID_FILE and RUNTIME_PROGRAM are set by edge.ts. The pid stays the same through exec.
echo $$ >"$RUNTIME_PID_FILE"
if setpriv --pdeathsig KILL true 2>/dev/null; then
  exec setpriv --pdeathsig KILL "$RUNTIME_PROGRAM" "$@"
fi
exec "$RUNTIME_PROGRAM" "$@"
