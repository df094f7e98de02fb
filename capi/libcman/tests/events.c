/* What programs are told of votes, and how they stop being told. On the first node of three, of
   which all are up. */
#include "check.h"

struct told {
    int states, quorate;
    int confchgs;
    int asked_inside;
};

static void event(cman_handle_t handle, void *privdata, int reason, int arg)
{
    struct told *told = privdata;

    if (reason != CMAN_REASON_STATECHANGE)
        return;
    told->states++;
    told->quorate = arg;
    /* What is asked inside shows the change already. */
    told->asked_inside = cman_is_quorate(handle);
}

static void confchg(cman_handle_t handle, void *privdata, unsigned int *members, int member_count,
                    unsigned int *left, int left_count, unsigned int *joined, int joined_count)
{
    struct told *told = privdata;

    (void)handle, (void)members, (void)member_count;
    (void)left, (void)left_count, (void)joined, (void)joined_count;
    told->confchgs++;
}

static int total_votes(cman_handle_t handle)
{
    cman_extra_info_t info;

    SUCCEEDS(cman_get_extra_info(handle, &info, sizeof(info)));
    return info.ei_total_votes;
}

int main(void)
{
    struct told told, other_told;
    cman_handle_t handle, other, admin;

    memset(&told, 0, sizeof(told));
    memset(&other_told, 0, sizeof(other_told));
    handle = opened(&told);
    other = opened(&other_told);
    admin = opened_for_admin(NULL);

    FAILS(EINVAL, cman_start_notification(handle, NULL));
    FAILS(EINVAL, cman_start_confchg(handle, NULL));
    SUCCEEDS(cman_stop_notification(handle));
    SUCCEEDS(cman_stop_confchg(handle));
    SUCCEEDS(cman_start_notification(handle, event));
    SUCCEEDS(cman_start_notification(handle, event));
    SUCCEEDS(cman_start_confchg(handle, confchg));
    SUCCEEDS(cman_start_confchg(handle, confchg));
    SUCCEEDS(cman_start_notification(other, event));
    /* Nothing has happened yet. */
    SUCCEEDS(cman_dispatch(handle, CMAN_DISPATCH_ALL));
    CHECK(told.states == 0 && told.confchgs == 0);

    /* Votes change without any change of who is quorate, and that is told. */
    SUCCEEDS(cman_set_votes(admin, 2, CMAN_NODEID_US));
    while (total_votes(handle) != 4 || told.states == 0)
        handle_one(handle);
    CHECK(told.quorate == 1 && told.asked_inside == 1);
    CHECK(told.confchgs == 0);
    while (other_told.states == 0)
        handle_one(other);

    /* Who is told no more is told nothing, and the others are. */
    SUCCEEDS(cman_stop_notification(handle));
    SUCCEEDS(cman_dispatch(handle, CMAN_DISPATCH_ALL));
    told.states = other_told.states = 0;
    SUCCEEDS(cman_set_votes(admin, 1, CMAN_NODEID_US));
    while (total_votes(other) != 3 || other_told.states == 0)
        handle_one(other);
    SUCCEEDS(cman_dispatch(handle, CMAN_DISPATCH_ALL));
    CHECK(told.states == 0);
    SUCCEEDS(cman_stop_confchg(handle));
    SUCCEEDS(cman_finish(admin));
    SUCCEEDS(cman_finish(other));
    SUCCEEDS(cman_finish(handle));
    return 0;
}
