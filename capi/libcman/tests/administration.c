/* Changing the cluster, on the first node of three, of which two are up. */
#include "check.h"

static cman_handle_t admin, handle;

static cman_extra_info_t info(void)
{
    cman_extra_info_t info;

    SUCCEEDS(cman_get_extra_info(handle, &info, sizeof(info)));
    return info;
}

static void votes(void)
{
    FAILS(EINVAL, cman_set_votes(admin, 0, 1));
    FAILS(EINVAL, cman_set_votes(admin, -1, 1));
    FAILS(ENOENT, cman_set_votes(admin, 1, 99));
    FAILS(ENOENT, cman_set_votes(admin, 1, -1));
    FAILS(ENOTCONN, cman_set_votes(admin, 1, 3));
    SUCCEEDS(cman_set_votes(admin, 2, 2));
    EVENTUALLY(info().ei_total_votes == 3);
    SUCCEEDS(cman_set_votes(admin, 1, 2));
    EVENTUALLY(info().ei_total_votes == 2);
    SUCCEEDS(cman_set_votes(admin, 1, CMAN_NODEID_US));
}

static void expected_votes(void)
{
    FAILS(EINVAL, cman_set_expected_votes(admin, 0));
    FAILS(EINVAL, cman_set_expected_votes(admin, -1));
    /* More than two votes would be enough, and there are no more. */
    FAILS(EINVAL, cman_set_expected_votes(admin, 100));
    SUCCEEDS(cman_set_expected_votes(admin, 2));
    EVENTUALLY(info().ei_expected_votes == 2);
    SUCCEEDS(cman_set_expected_votes(admin, 3));
    EVENTUALLY(info().ei_expected_votes == 3);
}

static void version(void)
{
    cman_version_t version;

    SUCCEEDS(cman_get_version(admin, &version));
    SUCCEEDS(cman_set_version(admin, &version));
    FAILS(EINVAL, cman_set_version(admin, NULL));
    version.cv_major++;
    FAILS(EINVAL, cman_set_version(admin, &version));
    version.cv_major--;
    version.cv_minor++;
    FAILS(EINVAL, cman_set_version(admin, &version));
    version.cv_minor--;
    version.cv_patch++;
    FAILS(EINVAL, cman_set_version(admin, &version));
}

static int updated;

static void event(cman_handle_t h, void *privdata, int reason, int arg)
{
    (void)h, (void)privdata;
    if (reason == CMAN_REASON_CONFIG_UPDATE)
        updated = arg;
}

/* All nodes have the next version of the configuration on disk. */
static void reload(void)
{
    cman_version_t version;
    unsigned int next;

    SUCCEEDS(cman_get_version(admin, &version));
    next = ++version.cv_config;
    SUCCEEDS(cman_start_notification(handle, event));
    SUCCEEDS(cman_set_version(admin, &version));
    while (updated == 0)
        handle_one(handle);
    CHECK(updated == (int)next);
    SUCCEEDS(cman_get_version(admin, &version));
    CHECK(version.cv_config == next);
}

static void fencing(void)
{
    char name[] = "fence_test", agent[256];
    uint64_t when = 77;
    int fenced = 77;

    memset(agent, 'x', sizeof(agent));
    SUCCEEDS(cman_get_fenceinfo(handle, 3, &when, &fenced, agent));
    CHECK(when == 0 && fenced == 0 && agent[0] == 0 && agent[255] == 'x');
    FAILS(EINVAL, cman_get_fenceinfo(handle, 99, &when, &fenced, agent));
    FAILS(EINVAL, cman_get_fenceinfo(handle, 0, &when, &fenced, agent));
    FAILS(EINVAL, cman_get_fenceinfo(handle, -1, &when, &fenced, agent));
    FAILS(EINVAL, cman_get_fenceinfo(handle, 3, NULL, &fenced, agent));
    FAILS(EINVAL, cman_get_fenceinfo(handle, 3, &when, NULL, agent));

    FAILS(EINVAL, cman_node_fenced(admin, 99, 1, name));
    FAILS(EINVAL, cman_node_fenced(admin, 0, 1, name));
    FAILS(EINVAL, cman_node_fenced(admin, 3, 1, NULL));
    FAILS(EINVAL, cman_node_fenced(admin, 3, 1, too_long()));
    SUCCEEDS(cman_node_fenced(admin, 3, 1234567890, name));
    EVENTUALLY(cman_get_fenceinfo(handle, 3, &when, &fenced, agent) == 0 && when == 1234567890);
    CHECK(fenced == 1 && strcmp(agent, name) == 0);
    SUCCEEDS(cman_get_fenceinfo(handle, 3, &when, &fenced, NULL));
}

static void debugging(void)
{
    SUCCEEDS(cman_set_debuglog(admin, CMAN_DEBUGLOG_MEMBERSHIP | CMAN_DEBUGLOG_DAEMON));
    SUCCEEDS(cman_set_debuglog(admin, CMAN_DEBUGLOG_NONE));
}

static void killing(void)
{
    FAILS(EINVAL, cman_kill_node(admin, 0));
    FAILS(EINVAL, cman_kill_node(admin, -1));
    FAILS(EINVAL, cman_kill_node(admin, 99));
    FAILS(EINVAL, cman_kill_node(admin, 3));
}

static void dirt(void)
{
    CHECK(!(info().ei_flags & CMAN_EXTRA_FLAG_DIRTY));
    SUCCEEDS(cman_set_dirty(admin));
    SUCCEEDS(cman_set_dirty(admin));
    EVENTUALLY(info().ei_flags & CMAN_EXTRA_FLAG_DIRTY);
}

int main(int argc, char **argv)
{
    const char *topic = argc > 1 ? argv[1] : "";

    admin = opened_for_admin(NULL);
    handle = opened(NULL);
    if (!strcmp(topic, "votes")) {
        votes();
        expected_votes();
    } else if (!strcmp(topic, "version")) {
        version();
    } else if (!strcmp(topic, "reload")) {
        reload();
    } else if (!strcmp(topic, "fencing")) {
        fencing();
    } else if (!strcmp(topic, "debugging")) {
        debugging();
    } else if (!strcmp(topic, "killing")) {
        killing();
    } else if (!strcmp(topic, "dirt")) {
        dirt();
    } else {
        FAIL("no such topic: %s", topic);
    }
    SUCCEEDS(cman_finish(handle));
    SUCCEEDS(cman_finish(admin));
    return 0;
}
