/* Handles: made, ended, none at all, and of the wrong kind. */
#include "check.h"

#include <fcntl.h>
#include <sys/wait.h>

static void event(cman_handle_t handle, void *privdata, int reason, int arg)
{
    (void)handle, (void)privdata, (void)reason, (void)arg;
}

static void data(cman_handle_t handle, void *privdata, char *buf, int len, uint8_t port, int node)
{
    (void)handle, (void)privdata, (void)buf, (void)len, (void)port, (void)node;
}

static void confchg(cman_handle_t handle, void *privdata, unsigned int *members, int member_count,
                    unsigned int *left, int left_count, unsigned int *joined, int joined_count)
{
    (void)handle, (void)privdata, (void)members, (void)member_count;
    (void)left, (void)left_count, (void)joined, (void)joined_count;
}

/* Calls everything with something that is no handle. */
static void refused_by_all(cman_handle_t handle)
{
    cman_node_t node;
    cman_node_address_t address;
    cman_version_t version = {6, 2, 0, 1};
    cman_cluster_t cluster;
    cman_extra_info_t info;
    cman_qdev_info_t device;
    char name[] = "name";
    void *privdata;
    uint64_t fenced_at;
    int number;

    memset(&node, 0, sizeof(node));
    FAILS(EINVAL, cman_finish(handle));
    FAILS(EINVAL, cman_setprivdata(handle, NULL));
    FAILS(EINVAL, cman_getprivdata(handle, &privdata));
    FAILS(EINVAL, cman_start_notification(handle, event));
    FAILS(EINVAL, cman_stop_notification(handle));
    FAILS(EINVAL, cman_start_confchg(handle, confchg));
    FAILS(EINVAL, cman_stop_confchg(handle));
    FAILS(EINVAL, cman_replyto_shutdown(handle, 1));
    FAILS(EINVAL, cman_get_fd(handle));
    FAILS(EINVAL, cman_dispatch(handle, CMAN_DISPATCH_ALL));
    FAILS(EINVAL, cman_get_node_count(handle));
    FAILS(EINVAL, cman_get_subsys_count(handle));
    FAILS(EINVAL, cman_get_nodes(handle, 1, &number, &node));
    FAILS(EINVAL, cman_get_disallowed_nodes(handle, 1, &number, &node));
    FAILS(EINVAL, cman_get_node(handle, 0, &node));
    FAILS(EINVAL, cman_get_node_addrs(handle, 1, 1, &number, &address));
    FAILS(EINVAL, cman_is_active(handle));
    FAILS(EINVAL, cman_is_listening(handle, 0, 1));
    FAILS(EINVAL, cman_is_quorate(handle));
    FAILS(EINVAL, cman_get_version(handle, &version));
    FAILS(EINVAL, cman_get_cluster(handle, &cluster));
    FAILS(EINVAL, cman_get_fenceinfo(handle, 1, &fenced_at, &number, NULL));
    FAILS(EINVAL, cman_get_extra_info(handle, &info, sizeof(info)));
    FAILS(EINVAL, cman_set_version(handle, &version));
    FAILS(EINVAL, cman_leave_cluster(handle, 0));
    FAILS(EINVAL, cman_set_votes(handle, 1, 0));
    FAILS(EINVAL, cman_set_expected_votes(handle, 1));
    FAILS(EINVAL, cman_kill_node(handle, 1));
    FAILS(EINVAL, cman_node_fenced(handle, 1, 1, name));
    FAILS(EINVAL, cman_shutdown(handle, 0));
    FAILS(EINVAL, cman_send_data(handle, name, 4, 0, 1, 0));
    FAILS(EINVAL, cman_start_recv_data(handle, data, 1));
    FAILS(EINVAL, cman_end_recv_data(handle));
    FAILS(EINVAL, cman_barrier_register(handle, name, 0, 1));
    FAILS(EINVAL, cman_barrier_change(handle, name, CMAN_BARRIER_SET_ENABLED, 1));
    FAILS(EINVAL, cman_barrier_wait(handle, name));
    FAILS(EINVAL, cman_barrier_delete(handle, name));
    FAILS(EINVAL, cman_register_quorum_device(handle, name, 1));
    FAILS(EINVAL, cman_unregister_quorum_device(handle));
    FAILS(EINVAL, cman_poll_quorum_device(handle, 1));
    FAILS(EINVAL, cman_get_quorum_device(handle, &device));
    FAILS(EINVAL, cman_set_dirty(handle));
    FAILS(EINVAL, cman_set_debuglog(handle, 0));
}

/* What a public handle may not do. */
static void privileges(void)
{
    cman_handle_t handle = opened(NULL);
    cman_version_t version = {6, 2, 0, 1};
    char name[] = "name";

    FAILS(EPERM, cman_set_version(handle, &version));
    FAILS(EPERM, cman_leave_cluster(handle, 0));
    FAILS(EPERM, cman_set_votes(handle, 1, 0));
    FAILS(EPERM, cman_set_expected_votes(handle, 1));
    FAILS(EPERM, cman_kill_node(handle, 1));
    FAILS(EPERM, cman_node_fenced(handle, 1, 1, name));
    FAILS(EPERM, cman_shutdown(handle, 0));
    FAILS(EPERM, cman_register_quorum_device(handle, name, 1));
    FAILS(EPERM, cman_unregister_quorum_device(handle));
    FAILS(EPERM, cman_poll_quorum_device(handle, 1));
    FAILS(EPERM, cman_set_dirty(handle));
    FAILS(EPERM, cman_set_debuglog(handle, 0));
    SUCCEEDS(cman_finish(handle));
}

/* What a handle for administration does not do. */
static void admins_are_told_nothing(void)
{
    cman_handle_t handle = opened_for_admin(NULL);

    FAILS(EINVAL, cman_start_notification(handle, event));
    FAILS(EINVAL, cman_stop_notification(handle));
    FAILS(EINVAL, cman_start_confchg(handle, confchg));
    FAILS(EINVAL, cman_stop_confchg(handle));
    FAILS(EINVAL, cman_start_recv_data(handle, data, 200));
    FAILS(EINVAL, cman_end_recv_data(handle));
    FAILS(EINVAL, cman_send_data(handle, "x", 1, 0, 200, 0));
    CHECK(cman_get_fd(handle) >= 0);
    CHECK(!is_readable(handle));
    SUCCEEDS(cman_dispatch(handle, CMAN_DISPATCH_ONE));
    CHECK(cman_is_active(handle) == 1);
    SUCCEEDS(cman_finish(handle));
}

static void private_data(void)
{
    int one, other;
    void *found;
    cman_handle_t handle = opened(&one);

    SUCCEEDS(cman_getprivdata(handle, &found));
    CHECK(found == &one);
    SUCCEEDS(cman_setprivdata(handle, &other));
    SUCCEEDS(cman_getprivdata(handle, &found));
    CHECK(found == &other);
    FAILS(EINVAL, cman_getprivdata(handle, NULL));
    SUCCEEDS(cman_finish(handle));
}

/* Why there may be no handle. */
static void connecting(void)
{
    char *run_dir = getenv("CMAN_RUN_DIR");
    char kept[1000];
    pid_t child;
    int status;

    snprintf(kept, sizeof(kept), "%s", run_dir ? run_dir : "/run/cman");
    setenv("CMAN_RUN_DIR", "/nonexistent", 1);
    errno = 0;
    if (cman_init(NULL) != NULL || errno != ENOENT)
        FAIL("without a daemon: %s", strerror(errno));
    errno = 0;
    if (cman_admin_init(NULL) != NULL || errno != ENOENT)
        FAIL("without a daemon, for administration: %s", strerror(errno));
    setenv("CMAN_RUN_DIR", kept, 1);

    /* Nobody in particular may not even read. */
    child = fork();
    if (child == 0) {
        if (setgid(65534) != 0 || setuid(65534) != 0)
            _exit(2);
        errno = 0;
        if (cman_init(NULL) != NULL || errno != EACCES)
            _exit(3);
        errno = 0;
        if (cman_admin_init(NULL) != NULL || errno != EACCES)
            _exit(4);
        _exit(0);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    if (status != 0)
        FAIL("who may not connect ended with %#x", status);
}

/* A child that ends its copy of a handle does not end that of its parent. */
static void forks(void)
{
    cman_handle_t handle = opened(NULL);
    pid_t child = fork();
    int status;

    if (child == 0)
        _exit(cman_finish(handle) == 0 ? 0 : 1);
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    RETURNS(1, cman_is_active(handle));
    CHECK(!is_readable(handle));
    SUCCEEDS(cman_finish(handle));
}

/* The descriptor is not for programs that are started, and no other is left behind. */
static void descriptors(void)
{
    cman_handle_t handle;
    int before, fd, again;

    before = dup(0);
    CHECK(before >= 0);
    close(before);
    handle = opened(NULL);
    fd = cman_get_fd(handle);
    CHECK(fd >= 0);
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    RETURNS(fd, cman_get_fd(handle));
    SUCCEEDS(cman_finish(handle));
    again = dup(0);
    if (again != before)
        FAIL("descriptor %d is left behind", before);
    close(again);
}

int main(void)
{
    int foreign[64] = {0};
    cman_handle_t handle;

    refused_by_all(NULL);
    refused_by_all(foreign);
    refused_by_all((cman_handle_t)"libcman");
    refused_by_all((cman_handle_t)(intptr_t)-1);
    handle = opened(NULL);
    SUCCEEDS(cman_finish(handle));
    refused_by_all(handle);
    privileges();
    admins_are_told_nothing();
    private_data();
    connecting();
    forks();
    descriptors();
    return 0;
}
