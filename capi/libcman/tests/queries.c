/* How things are, asked of the first node of three: `queries NODES VERSION`, where NODES are up with
   that version of the configuration, 1 if not said. */
#include "check.h"

#include <arpa/inet.h>

static cman_handle_t handle;
static int up;
static unsigned int config = 1;

static void nodes(void)
{
    cman_node_t list[8], one;
    int count = -1, i;
    time_t now = time(NULL);

    RETURNS(3, cman_get_node_count(handle));
    FAILS(EINVAL, cman_get_nodes(handle, 0, &count, list));
    FAILS(EINVAL, cman_get_nodes(handle, -1, &count, list));
    FAILS(EINVAL, cman_get_nodes(handle, 8, NULL, list));
    FAILS(EINVAL, cman_get_nodes(handle, 8, &count, NULL));
    CHECK(count == -1);
    memset(list, 0x55, sizeof(list));
    SUCCEEDS(cman_get_nodes(handle, 8, &count, list));
    CHECK(count == 3);
    for (i = 0; i < 3; i++) {
        struct sockaddr_in address;
        char name[16], text[INET_ADDRSTRLEN], expected[32];

        snprintf(name, sizeof(name), "n%d", i + 1);
        CHECK(list[i].cn_nodeid == i + 1);
        CHECK(strcmp(list[i].cn_name, name) == 0);
        CHECK(list[i].cn_member == (i < up));
        if (i >= up)
            continue;
        CHECK(list[i].cn_incarnation != 0);
        CHECK(list[i].cn_jointime.tv_sec <= now + 1 && list[i].cn_jointime.tv_sec > now - 600);
        CHECK(list[i].cn_address.cna_addrlen == sizeof(address));
        memcpy(&address, list[i].cn_address.cna_address, sizeof(address));
        CHECK(address.sin_family == AF_INET && address.sin_port == 0);
        CHECK(inet_ntop(AF_INET, &address.sin_addr, text, sizeof(text)));
        snprintf(expected, sizeof(expected), "10.77.0.%d", i + 1);
        CHECK(strcmp(text, expected) == 0);
    }
    /* Of too many the first. */
    memset(list, 0x55, sizeof(list));
    SUCCEEDS(cman_get_nodes(handle, 1, &count, list));
    CHECK(count == 1 && list[0].cn_nodeid == 1 && list[1].cn_nodeid == 0x55555555);

    SUCCEEDS(cman_get_disallowed_nodes(handle, 8, &count, list));
    CHECK(count == 0);
    FAILS(EINVAL, cman_get_disallowed_nodes(handle, 0, &count, list));
    FAILS(EINVAL, cman_get_disallowed_nodes(handle, 8, NULL, list));
    FAILS(EINVAL, cman_get_disallowed_nodes(handle, 8, &count, NULL));

    memset(&one, 0, sizeof(one));
    SUCCEEDS(cman_get_node(handle, CMAN_NODEID_US, &one));
    CHECK(one.cn_nodeid == 1 && strcmp(one.cn_name, "n1") == 0 && one.cn_member == 1);
    memset(&one, 0, sizeof(one));
    strcpy(one.cn_name, "n2");
    SUCCEEDS(cman_get_node(handle, 3, &one));
    CHECK(one.cn_nodeid == 2);
    memset(&one, 0, sizeof(one));
    SUCCEEDS(cman_get_node(handle, 3, &one));
    CHECK(one.cn_nodeid == 3);
    memset(&one, 0, sizeof(one));
    FAILS(ENOENT, cman_get_node(handle, 4, &one));
    FAILS(ENOENT, cman_get_node(handle, -7, &one));
    FAILS(ENOENT, cman_get_node(handle, CMAN_NODEID_QDISK, &one));
    strcpy(one.cn_name, "nobody");
    FAILS(ENOENT, cman_get_node(handle, 1, &one));
    memset(one.cn_name, 'x', sizeof(one.cn_name));
    FAILS(EINVAL, cman_get_node(handle, 1, &one));
    FAILS(EINVAL, cman_get_node(handle, 1, NULL));
}

static void addresses(void)
{
    cman_node_address_t list[4];
    int count = -1;

    SUCCEEDS(cman_get_node_addrs(handle, 1, 4, &count, list));
    CHECK(count == 1 && list[0].cna_addrlen == sizeof(struct sockaddr_in));
    count = -1;
    SUCCEEDS(cman_get_node_addrs(handle, 1, 0, &count, NULL));
    CHECK(count == 1);
    SUCCEEDS(cman_get_node_addrs(handle, 3, 4, &count, list));
    CHECK(count == (up == 3));
    FAILS(EINVAL, cman_get_node_addrs(handle, 0, 4, &count, list));
    FAILS(EINVAL, cman_get_node_addrs(handle, 4, 4, &count, list));
    FAILS(EINVAL, cman_get_node_addrs(handle, -1, 4, &count, list));
    FAILS(EINVAL, cman_get_node_addrs(handle, 1, -1, &count, list));
    FAILS(EINVAL, cman_get_node_addrs(handle, 1, 4, NULL, list));
    FAILS(EINVAL, cman_get_node_addrs(handle, 1, 4, &count, NULL));
}

static void cluster_and_daemon(void)
{
    cman_cluster_t cluster;
    cman_version_t version;
    cman_handle_t other;
    const char *c;
    uint16_t number = 0;
    int before;

    SUCCEEDS(cman_get_cluster(handle, &cluster));
    CHECK(strcmp(cluster.ci_name, "lab") == 0);
    for (c = cluster.ci_name; *c; c++)
        number = (uint16_t)((number << 1) + *c);
    CHECK(cluster.ci_number == number);
    CHECK(cluster.ci_generation != 0);
    FAILS(EINVAL, cman_get_cluster(handle, NULL));

    SUCCEEDS(cman_get_version(handle, &version));
    CHECK(version.cv_major == 6 && version.cv_minor == 2 && version.cv_patch == 0);
    CHECK(version.cv_config == config);
    FAILS(EINVAL, cman_get_version(handle, NULL));

    RETURNS(1, cman_is_active(handle));
    RETURNS(up >= 2, cman_is_quorate(handle));
    before = cman_get_subsys_count(handle);
    CHECK(before >= 1);
    other = opened_for_admin(NULL);
    RETURNS(before + 1, cman_get_subsys_count(handle));
    RETURNS(before + 1, cman_get_subsys_count(other));
    SUCCEEDS(cman_finish(other));
    EVENTUALLY(cman_get_subsys_count(handle) == before);
}

static void extra_info(void)
{
    union {
        cman_extra_info_t info;
        char room[64 + 8 * 128];
    } extra;
    struct sockaddr_in address;

    memset(&extra, 0x55, sizeof(extra));
    SUCCEEDS(cman_get_extra_info(handle, &extra.info, sizeof(extra)));
    CHECK(extra.info.ei_node_state == 2);
    CHECK(extra.info.ei_flags == 0);
    CHECK(extra.info.ei_node_votes == 1);
    CHECK(extra.info.ei_total_votes == up);
    CHECK(extra.info.ei_expected_votes == 3);
    CHECK(extra.info.ei_quorum == 2);
    CHECK(extra.info.ei_members == up);
    CHECK(extra.info.ei_ports[0] & 1);
    CHECK(extra.info.ei_num_addresses == 1);
    memcpy(&address, extra.room + 64, sizeof(address));
    CHECK(address.sin_family == AF_INET);
    CHECK(IN_MULTICAST(ntohl(address.sin_addr.s_addr)));
    memcpy(&address, extra.room + 64 + 128, sizeof(address));
    CHECK(address.sin_family == AF_INET);
    CHECK(ntohl(address.sin_addr.s_addr) == 0x0a4d0001);
    /* Without room for addresses: none. */
    memset(&extra, 0x55, sizeof(extra));
    SUCCEEDS(cman_get_extra_info(handle, &extra.info, sizeof(extra.info)));
    CHECK(extra.info.ei_num_addresses == 0 && extra.info.ei_members == up);
    CHECK(extra.room[sizeof(extra.info)] == 0x55);
    FAILS(EINVAL, cman_get_extra_info(handle, &extra.info, sizeof(extra.info) - 1));
    FAILS(EINVAL, cman_get_extra_info(handle, &extra.info, -1));
    FAILS(EINVAL, cman_get_extra_info(handle, NULL, sizeof(extra)));
}

int main(int argc, char **argv)
{
    up = argc > 1 ? atoi(argv[1]) : 3;
    config = argc > 2 ? (unsigned int)atoi(argv[2]) : 1;
    handle = opened(NULL);
    nodes();
    addresses();
    cluster_and_daemon();
    extra_info();
    SUCCEEDS(cman_finish(handle));
    return 0;
}
