# Runs as root in a fresh system that has just booted. Its output is the serial console.
set -eu
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
trap 'systemctl --no-pager --full status cman; journalctl --no-pager -b -u cman | tail -n 40' EXIT

wait_for() {
    tries=600
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        test "$tries" -gt 0 || { echo "gave up waiting for: $*"; return 1; }
        sleep 0.1
    done
}
pid() { systemctl show --property=MainPID --value cman; }
quorate() { cman_tool status --json | grep -q '"quorate": *true'; }

# Started at boot, because it was enabled; notify means that it serves already.
wait_for systemctl is-active cman
cman_tool wait --quorum --timeout 60
cman_tool status
quorate

# Death is followed by another life.
before=$(pid)
kill -9 "$before"
restarted() { test "$(pid)" != "$before" && test "$(pid)" != 0 && systemctl is-active cman; }
wait_for restarted
wait_for quorate

# Whoever asks it to leave wants it gone.
cman_tool leave --wait --timeout 60
gone() { test "$(systemctl is-active cman)" = inactive; }
wait_for gone

systemctl start cman
wait_for quorate
systemctl restart cman
wait_for quorate
systemctl stop cman
test ! -e /run/cman/socket
test "$(systemctl is-failed cman)" = inactive

trap - EXIT
