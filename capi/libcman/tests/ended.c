/* A daemon that ends: `ended kill NODE` and `ended leave` end it first, `ended wait` waits for
   somebody else to. Afterwards every call says so, and nothing worse happens. */
#include "check.h"

static int told;

static void event(cman_handle_t handle, void *privdata, int reason, int arg)
{
    (void)handle, (void)privdata, (void)reason, (void)arg;
    told++;
}

static void data(cman_handle_t handle, void *privdata, char *buf, int len, uint8_t port, int node)
{
    (void)handle, (void)privdata, (void)buf, (void)len, (void)port, (void)node;
    told++;
}

static void confchg(cman_handle_t handle, void *privdata, unsigned int *members, int member_count,
                    unsigned int *left, int left_count, unsigned int *joined, int joined_count)
{
    (void)handle, (void)privdata, (void)members, (void)member_count;
    (void)left, (void)left_count, (void)joined, (void)joined_count;
    told++;
}

/* Everything that asks the daemon. */
static void all_say_so(cman_handle_t handle, cman_handle_t admin)
{
    cman_node_t node;
    cman_node_address_t address;
    cman_version_t version = {6, 2, 0, 1};
    cman_cluster_t cluster;
    cman_extra_info_t info;
    cman_qdev_info_t device;
    char name[] = "name";
    uint64_t when;
    int number, i;

    memset(&node, 0, sizeof(node));
    for (i = 0; i < 3; i++) {
        CHECK(is_readable(handle));
        CHECK(is_readable(admin));
        FAILS(EHOSTDOWN, cman_dispatch(handle, CMAN_DISPATCH_ONE));
        FAILS(EHOSTDOWN, cman_dispatch(handle, CMAN_DISPATCH_ALL));
        FAILS(EHOSTDOWN, cman_dispatch(handle, CMAN_DISPATCH_BLOCKING));
        FAILS(EHOSTDOWN, cman_dispatch(admin, CMAN_DISPATCH_ONE));
    }
    FAILS(EHOSTDOWN, cman_get_node_count(handle));
    FAILS(EHOSTDOWN, cman_get_subsys_count(handle));
    FAILS(EHOSTDOWN, cman_get_nodes(handle, 1, &number, &node));
    FAILS(EHOSTDOWN, cman_get_disallowed_nodes(handle, 1, &number, &node));
    FAILS(EHOSTDOWN, cman_get_node(handle, 0, &node));
    FAILS(EHOSTDOWN, cman_get_node_addrs(handle, 1, 1, &number, &address));
    FAILS(EHOSTDOWN, cman_is_active(handle));
    FAILS(EHOSTDOWN, cman_is_listening(handle, 0, 1));
    FAILS(EHOSTDOWN, cman_is_quorate(handle));
    FAILS(EHOSTDOWN, cman_get_version(handle, &version));
    FAILS(EHOSTDOWN, cman_get_cluster(handle, &cluster));
    FAILS(EHOSTDOWN, cman_get_fenceinfo(handle, 1, &when, &number, NULL));
    FAILS(EHOSTDOWN, cman_get_extra_info(handle, &info, sizeof(info)));
    FAILS(EHOSTDOWN, cman_get_quorum_device(handle, &device));
    FAILS(EHOSTDOWN, cman_send_data(handle, name, 4, 0, 12, 0));
    FAILS(EHOSTDOWN, cman_replyto_shutdown(handle, 1));
    FAILS(EHOSTDOWN, cman_start_notification(handle, event));
    FAILS(EHOSTDOWN, cman_start_confchg(handle, confchg));
    FAILS(EHOSTDOWN, cman_stop_notification(handle));
    FAILS(EHOSTDOWN, cman_barrier_register(handle, name, 0, 1));
    FAILS(EHOSTDOWN, cman_barrier_change(handle, name, CMAN_BARRIER_SET_ENABLED, 1));
    FAILS(EHOSTDOWN, cman_barrier_wait(handle, name));
    FAILS(EHOSTDOWN, cman_barrier_delete(handle, name));
    version.cv_major = 6, version.cv_minor = 2, version.cv_patch = 0;
    FAILS(EHOSTDOWN, cman_set_version(admin, &version));
    FAILS(EHOSTDOWN, cman_leave_cluster(admin, 0));
    FAILS(EHOSTDOWN, cman_set_votes(admin, 1, 0));
    FAILS(EHOSTDOWN, cman_set_expected_votes(admin, 1));
    FAILS(EHOSTDOWN, cman_kill_node(admin, 1));
    FAILS(EHOSTDOWN, cman_node_fenced(admin, 1, 1, name));
    FAILS(EHOSTDOWN, cman_shutdown(admin, 0));
    FAILS(EHOSTDOWN, cman_register_quorum_device(admin, name, 1));
    FAILS(EHOSTDOWN, cman_unregister_quorum_device(admin));
    FAILS(EHOSTDOWN, cman_poll_quorum_device(admin, 1));
    FAILS(EHOSTDOWN, cman_set_dirty(admin));
    FAILS(EHOSTDOWN, cman_set_debuglog(admin, 0));
    /* What needs no daemon. */
    SUCCEEDS(cman_setprivdata(handle, NULL));
    SUCCEEDS(cman_end_recv_data(handle));
    CHECK(cman_get_fd(handle) >= 0);
}

int main(int argc, char **argv)
{
    cman_handle_t handle = opened(NULL), admin = opened_for_admin(NULL);
    struct pollfd waits = {-1, POLLIN, 0};

    SUCCEEDS(cman_start_notification(handle, event));
    SUCCEEDS(cman_start_recv_data(handle, data, 12));
    puts("ready");
    fflush(stdout);
    if (argc > 2 && !strcmp(argv[1], "kill"))
        SUCCEEDS(cman_kill_node(admin, atoi(argv[2])));
    else if (argc > 1 && !strcmp(argv[1], "leave"))
        SUCCEEDS(cman_leave_cluster(admin, CMAN_LEAVEFLAG_DOWN));
    while (cman_dispatch(handle, CMAN_DISPATCH_ALL) == 0) {
        waits.fd = cman_get_fd(handle);
        CHECK(poll(&waits, 1, PATIENCE_MS) == 1);
    }
    waits.fd = cman_get_fd(admin);
    CHECK(poll(&waits, 1, PATIENCE_MS) == 1);
    all_say_so(handle, admin);
    SUCCEEDS(cman_finish(handle));
    SUCCEEDS(cman_finish(admin));
    return 0;
}
