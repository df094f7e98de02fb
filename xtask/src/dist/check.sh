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

cman_tool join --name n1 --wait --quorum --timeout 20
cman_tool status
cman_tool nodes
cman_tool leave --wait --timeout 20

# What the administrator made stays when the package is removed, and goes with a purge only where
# the package owns it.
dpkg --remove cman
test -e /etc/cluster/cluster.conf
test ! -e /usr/sbin/cmand
dpkg --purge cman
test ! -e /var/lib/cman
test ! -e /run/cman
