# Runs as root in a fresh system with one network address, 10.77.0.1, called n1.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive
dpkg --install /cman.deb

cat >/etc/cluster/cluster.conf <<EOF
<?xml version="1.0"?>
<cluster name="check" config_version="1">
  <clusternodes>
    <clusternode name="n1" nodeid="1"/>
  </clusternodes>
</cluster>
EOF
cman_tool keygen
test "$(stat --format=%a /etc/cluster/cman.key)" = 600

cmand --foreground --name n1 >/log 2>&1 &
daemon=$!
if ! cman_tool wait --quorum --timeout 20; then
    cat /log
    exit 1
fi
cman_tool status
cman_tool nodes
cman_tool leave
wait "$daemon"

# What the administrator made stays when the package is removed, and goes with a purge only where
# the package owns it.
dpkg --remove cman
test -e /etc/cluster/cluster.conf
test ! -e /usr/sbin/cmand
dpkg --purge cman
test ! -e /var/lib/cman
test ! -e /run/cman/socket
