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

# Programs find both generations of the library, and sources what they are built with.
library=$(ldconfig -p | sed -n 's/.*libcman\.so\.3 .*=> //p')
test -n "$library"
ldconfig -p | grep -q 'libcman\.so\.2 '
test "$(readlink "${library%.3}")" = libcman.so.3
test -e /usr/include/libcman.h
grep -q '^Cflags: -I' "$(dirname "$library")/pkgconfig/libcman.pc"
test -e /usr/share/man/man3/cman_get_fd.3.gz || test ! -d /usr/share/man

# What the administrator made stays when the package is removed, and goes with a purge only where
# the package owns it.
dpkg --remove cman
test -e /etc/cluster/cluster.conf
test ! -e /usr/sbin/cmand
test ! -e "$library"
dpkg --purge cman
test ! -e /var/lib/cman
test ! -e /run/cman
