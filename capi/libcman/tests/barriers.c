/* Barriers. `barriers alone` on one node; `barriers NAME NODES` waits there for so many nodes. */
#include "check.h"

#include <signal.h>
#include <sys/time.h>

static volatile sig_atomic_t alarms;

static void count_alarm(int number)
{
    (void)number;
    alarms++;
}

/* Has a signal come every so often, or no more. Calls that wait are not to notice. */
static void alarms_every(int microseconds)
{
    struct itimerval timer;
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = count_alarm;
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    timer.it_value.tv_sec = timer.it_interval.tv_sec = 0;
    timer.it_value.tv_usec = timer.it_interval.tv_usec = microseconds;
    CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

static void alone(void)
{
    cman_handle_t handle = opened(NULL), other = opened(NULL);
    time_t before;

    FAILS(ENOENT, cman_barrier_change(handle, "b", CMAN_BARRIER_SET_TIMEOUT, 1));
    FAILS(ENOENT, cman_barrier_wait(handle, "b"));
    FAILS(ENOENT, cman_barrier_delete(handle, "b"));
    FAILS(EINVAL, cman_barrier_register(handle, NULL, 0, 1));
    FAILS(EINVAL, cman_barrier_change(handle, NULL, CMAN_BARRIER_SET_TIMEOUT, 1));
    FAILS(EINVAL, cman_barrier_wait(handle, NULL));
    FAILS(EINVAL, cman_barrier_delete(handle, NULL));
    FAILS(EINVAL, cman_barrier_register(handle, "", 0, 1));
    FAILS(EINVAL, cman_barrier_register(handle, too_long(), 0, 1));
    FAILS(EINVAL, cman_barrier_change(handle, too_long(), CMAN_BARRIER_SET_TIMEOUT, 1));
    FAILS(EINVAL, cman_barrier_wait(handle, too_long()));
    FAILS(EINVAL, cman_barrier_delete(handle, too_long()));
    FAILS(EINVAL, cman_barrier_register(handle, "b", CMAN_BARRIER_MULTISTEP, 1));
    FAILS(EINVAL, cman_barrier_register(handle, "b", 0, -1));

    /* One node is enough for this one. */
    SUCCEEDS(cman_barrier_register(handle, "b", 0, 1));
    SUCCEEDS(cman_barrier_register(handle, "b", 0, 1));
    FAILS(EINVAL, cman_barrier_register(handle, "b", 0, 2));
    FAILS(EINVAL, cman_barrier_change(handle, "b", CMAN_BARRIER_SET_MULTISTEP, 1));
    FAILS(EINVAL, cman_barrier_change(handle, "b", 77, 1));
    FAILS(EINVAL, cman_barrier_change(handle, "b", CMAN_BARRIER_SET_ENABLED, 0));
    FAILS(EINVAL, cman_barrier_change(handle, "b", CMAN_BARRIER_SET_TIMEOUT, -1));
    SUCCEEDS(cman_barrier_wait(handle, "b"));
    SUCCEEDS(cman_barrier_delete(handle, "b"));
    FAILS(ENOENT, cman_barrier_delete(handle, "b"));

    /* As many nodes as there are members. */
    SUCCEEDS(cman_barrier_register(handle, "12345678901234567890123456789012", 0, 0));
    SUCCEEDS(cman_barrier_wait(handle, "12345678901234567890123456789012"));
    SUCCEEDS(cman_barrier_delete(handle, "12345678901234567890123456789012"));

    /* The other node never comes. */
    SUCCEEDS(cman_barrier_register(handle, "late", 0, 2));
    SUCCEEDS(cman_barrier_change(handle, "late", CMAN_BARRIER_SET_TIMEOUT, 1));
    before = time(NULL);
    alarms_every(50000);
    FAILS(ETIMEDOUT, cman_barrier_wait(handle, "late"));
    alarms_every(0);
    CHECK(alarms > 0);
    CHECK(time(NULL) - before < 10);
    SUCCEEDS(cman_barrier_delete(handle, "late"));

    /* It goes by itself. */
    SUCCEEDS(cman_barrier_register(handle, "auto", CMAN_BARRIER_AUTODELETE, 1));
    SUCCEEDS(cman_barrier_wait(handle, "auto"));
    EVENTUALLY(cman_barrier_delete(handle, "auto") == -1 && errno == ENOENT);
    SUCCEEDS(cman_barrier_register(handle, "auto", 0, 1));
    SUCCEEDS(cman_barrier_change(handle, "auto", CMAN_BARRIER_SET_AUTODELETE, 1));
    SUCCEEDS(cman_barrier_change(handle, "auto", CMAN_BARRIER_SET_ENABLED, 1));
    EVENTUALLY(cman_barrier_delete(handle, "auto") == -1 && errno == ENOENT);
    SUCCEEDS(cman_finish(other));
    SUCCEEDS(cman_finish(handle));
}

int main(int argc, char **argv)
{
    cman_handle_t handle;
    int returned;

    if (argc < 3) {
        alone();
        return 0;
    }
    handle = opened(NULL);
    SUCCEEDS(cman_barrier_register(handle, argv[1], 0, atoi(argv[2])));
    puts("registered");
    fflush(stdout);
    returned = cman_barrier_wait(handle, argv[1]);
    printf("%d %s\n", returned, returned < 0 ? strerror(errno) : "");
    SUCCEEDS(cman_finish(handle));
    return 0;
}
