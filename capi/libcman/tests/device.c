/* The quorum device, on one node alone. */
#include "check.h"

int main(void)
{
    cman_handle_t admin = opened_for_admin(NULL), handle = opened(NULL);
    cman_qdev_info_t info;
    cman_node_t nodes[4], node;
    char name[] = "disk", taken[] = "n1";
    int count, before;

    before = cman_get_node_count(handle);
    FAILS(ENOENT, cman_get_quorum_device(handle, &info));
    FAILS(EINVAL, cman_get_quorum_device(handle, NULL));
    FAILS(EINVAL, cman_poll_quorum_device(admin, 1));
    FAILS(EINVAL, cman_unregister_quorum_device(admin));
    FAILS(EINVAL, cman_register_quorum_device(admin, NULL, 1));
    FAILS(EINVAL, cman_register_quorum_device(admin, too_long(), 1));
    FAILS(EINVAL, cman_register_quorum_device(admin, name, -1));
    FAILS(EALREADY, cman_register_quorum_device(admin, taken, 1));

    SUCCEEDS(cman_register_quorum_device(admin, name, 2));
    FAILS(EBUSY, cman_register_quorum_device(admin, name, 2));
    SUCCEEDS(cman_get_quorum_device(handle, &info));
    CHECK(strcmp(info.qi_name, "disk") == 0 && info.qi_votes == 2 && info.qi_state == 3);
    RETURNS(before + 1, cman_get_node_count(handle));
    SUCCEEDS(cman_get_nodes(handle, 4, &count, nodes));
    CHECK(count == before + 1);
    CHECK(nodes[count - 1].cn_nodeid == 0 && nodes[count - 1].cn_member == 0);
    CHECK(strcmp(nodes[count - 1].cn_name, "disk") == 0);

    SUCCEEDS(cman_poll_quorum_device(admin, 1));
    SUCCEEDS(cman_get_quorum_device(handle, &info));
    CHECK(info.qi_state == 2);
    memset(&node, 0, sizeof(node));
    SUCCEEDS(cman_get_node(handle, CMAN_NODEID_QDISK, &node));
    CHECK(node.cn_member == 1 && strcmp(node.cn_name, "disk") == 0);
    FAILS(EBUSY, cman_unregister_quorum_device(admin));

    SUCCEEDS(cman_poll_quorum_device(admin, 0));
    SUCCEEDS(cman_get_quorum_device(handle, &info));
    CHECK(info.qi_state == 3);
    SUCCEEDS(cman_unregister_quorum_device(admin));
    FAILS(ENOENT, cman_get_quorum_device(handle, &info));
    RETURNS(before, cman_get_node_count(handle));
    SUCCEEDS(cman_finish(handle));
    SUCCEEDS(cman_finish(admin));
    return 0;
}
