/* The structures have the layout that programs were compiled with, and the constants their numbers.
   A difference does not compile. In C89, so that the header is shown to need nothing newer. */
#include <libcman.h>
#include <stddef.h>

#define HOLDS(name, what) typedef char name[(what) ? 1 : -1]
#define AT(name, type, field, at) HOLDS(name, offsetof(type, field) == (at))
#define SIZE(name, type, size) HOLDS(name, sizeof(type) == (size))
#define IS(name, number) HOLDS(is_##name, (name) == (number))

struct aligned_node {
    char        before;
    cman_node_t node;
};

SIZE(address_size, cman_node_address_t, 32);
AT(address_len, cman_node_address_t, cna_addrlen, 0);
AT(address_bytes, cman_node_address_t, cna_address, 4);

SIZE(node_size, cman_node_t, 320);
AT(node_alignment, struct aligned_node, node, 8);
AT(node_id, cman_node_t, cn_nodeid, 0);
AT(node_address, cman_node_t, cn_address, 4);
AT(node_name, cman_node_t, cn_name, 36);
AT(node_member, cman_node_t, cn_member, 292);
AT(node_incarnation, cman_node_t, cn_incarnation, 296);
AT(node_time, cman_node_t, cn_jointime, 304);

SIZE(version_size, cman_version_t, 16);
AT(version_major, cman_version_t, cv_major, 0);
AT(version_minor, cman_version_t, cv_minor, 4);
AT(version_patch, cman_version_t, cv_patch, 8);
AT(version_config, cman_version_t, cv_config, 12);

SIZE(cluster_size, cman_cluster_t, 24);
AT(cluster_name, cman_cluster_t, ci_name, 0);
AT(cluster_number, cman_cluster_t, ci_number, 18);
AT(cluster_generation, cman_cluster_t, ci_generation, 20);

SIZE(extra_size, cman_extra_info_t, 68);
AT(extra_state, cman_extra_info_t, ei_node_state, 0);
AT(extra_flags, cman_extra_info_t, ei_flags, 4);
AT(extra_votes, cman_extra_info_t, ei_node_votes, 8);
AT(extra_total, cman_extra_info_t, ei_total_votes, 12);
AT(extra_expected, cman_extra_info_t, ei_expected_votes, 16);
AT(extra_quorum, cman_extra_info_t, ei_quorum, 20);
AT(extra_members, cman_extra_info_t, ei_members, 24);
AT(extra_ports, cman_extra_info_t, ei_ports, 28);
AT(extra_num, cman_extra_info_t, ei_num_addresses, 60);
AT(extra_addresses, cman_extra_info_t, ei_addresses, 64);

SIZE(device_size, cman_qdev_info_t, 264);
AT(device_name, cman_qdev_info_t, qi_name, 0);
AT(device_state, cman_qdev_info_t, qi_state, 256);
AT(device_votes, cman_qdev_info_t, qi_votes, 260);

SIZE(handle_size, cman_handle_t, sizeof(void *));

IS(CMAN_MAX_ADDR_LEN, 28);
IS(CMAN_MAX_NODENAME_LEN, 255);
IS(MAX_CLUSTER_NAME_LEN, 16);
IS(CMAN_MAX_FENCE_AGENT_NAME_LEN, 255);
IS(CMAN_NODEID_US, 0);
IS(CMAN_NODEID_ALL, 0);
IS(CMAN_NODEID_QDISK, -1);
IS(CMAN_REASON_PORTCLOSED, 0);
IS(CMAN_REASON_STATECHANGE, 1);
IS(CMAN_REASON_PORTOPENED, 2);
IS(CMAN_REASON_TRY_SHUTDOWN, 3);
IS(CMAN_REASON_CONFIG_UPDATE, 4);
IS(CMAN_LEAVEFLAG_DOWN, 0);
IS(CMAN_LEAVEFLAG_REMOVED, 3);
IS(CMAN_LEAVEFLAG_FORCE, 16);
IS(CMAN_SHUTDOWN_ANYWAY, 1);
IS(CMAN_SHUTDOWN_REMOVED, 2);
IS(CMAN_DISPATCH_ONE, 0);
IS(CMAN_DISPATCH_ALL, 1);
IS(CMAN_DISPATCH_BLOCKING, 2);
IS(CMAN_DISPATCH_IGNORE_REPLY, 4);
IS(CMAN_DISPATCH_IGNORE_DATA, 8);
IS(CMAN_DISPATCH_IGNORE_EVENT, 16);
IS(CMAN_DISPATCH_TYPE_MASK, 3);
IS(CMAN_DISPATCH_IGNORE_MASK, 46);
IS(CMAN_EXTRA_FLAG_2NODE, 1);
IS(CMAN_EXTRA_FLAG_ERROR, 2);
IS(CMAN_EXTRA_FLAG_SHUTDOWN, 4);
IS(CMAN_EXTRA_FLAG_DISALLOWED, 8);
IS(CMAN_EXTRA_FLAG_DIRTY, 16);
IS(CMAN_DEBUGLOG_BARRIER, 2);
IS(CMAN_DEBUGLOG_MEMBERSHIP, 4);
IS(CMAN_DEBUGLOG_DAEMON, 8);
IS(CMAN_DEBUGLOG_AIS, 16);
