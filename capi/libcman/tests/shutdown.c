/* Who may object to a shutdown, and what becomes of that. On one node alone, which is left in the
   end. Threads, because cman_shutdown() waits for what programs answer. */
#include "check.h"

#include <pthread.h>

struct ask {
    cman_handle_t admin;
    int flags, returned, error;
};

static void *ask(void *argument)
{
    struct ask *ask = argument;

    errno = 0;
    ask->returned = cman_shutdown(ask->admin, ask->flags);
    ask->error = errno;
    return NULL;
}

struct told {
    int asked, flags, answer;
};

static void event(cman_handle_t handle, void *privdata, int reason, int arg)
{
    struct told *told = privdata;

    if (reason != CMAN_REASON_TRY_SHUTDOWN)
        return;
    told->asked++;
    told->flags = arg;
    if (told->answer >= 0)
        SUCCEEDS(cman_replyto_shutdown(handle, told->answer));
}

/* Has somebody ask, lets this program answer, and says what they got. */
static struct ask shut_down(cman_handle_t handle, struct told *told, int flags)
{
    struct ask asking = {NULL, 0, 0, 0};
    pthread_t thread;

    asking.admin = opened_for_admin(NULL);
    asking.flags = flags;
    told->asked = 0;
    CHECK(pthread_create(&thread, NULL, ask, &asking) == 0);
    while (told->asked == 0)
        handle_one(handle);
    /* While it is asked, nobody else may. */
    if (told->answer < 0) {
        cman_handle_t second = opened_for_admin(NULL);

        FAILS(EALREADY, cman_shutdown(second, 0));
        SUCCEEDS(cman_finish(second));
    }
    CHECK(pthread_join(thread, NULL) == 0);
    SUCCEEDS(cman_finish(asking.admin));
    return asking;
}

int main(void)
{
    struct told told = {0, 0, 0};
    cman_handle_t handle = opened(&told), quitter;
    struct told quits = {0, 0, -1};
    struct ask got;

    SUCCEEDS(cman_start_notification(handle, event));
    /* Nobody has asked. */
    SUCCEEDS(cman_replyto_shutdown(handle, 1));

    /* No. */
    told.answer = 0;
    got = shut_down(handle, &told, CMAN_SHUTDOWN_REMOVED);
    CHECK(got.returned == -1 && got.error == EBUSY);
    CHECK(told.flags == CMAN_SHUTDOWN_REMOVED);

    /* No answer at all. */
    told.answer = -1;
    got = shut_down(handle, &told, 0);
    CHECK(got.returned == -1 && got.error == EBUSY);
    CHECK(told.flags == 0);

    /* Who goes away agrees, and who says no still has its way. */
    quitter = opened(&quits);
    SUCCEEDS(cman_start_notification(quitter, event));
    SUCCEEDS(cman_finish(quitter));
    told.answer = 0;
    got = shut_down(handle, &told, 0);
    CHECK(got.returned == -1 && got.error == EBUSY);

    /* Yes, and then the daemon goes. */
    told.answer = 1;
    got = shut_down(handle, &told, 0);
    if (got.returned != 0)
        FAIL("shutdown with everybody's leave: %s", strerror(got.error));
    FAILS(EHOSTDOWN, cman_dispatch(handle, CMAN_DISPATCH_ALL | CMAN_DISPATCH_BLOCKING));
    SUCCEEDS(cman_finish(handle));
    return 0;
}
