/* Much of everything: `many handles N` has N handles at a time, `many dispatches N` sends and
   handles N messages and grows by nothing. */
#include "check.h"

#include <sys/resource.h>

static long messages;

static void data(cman_handle_t handle, void *privdata, char *buf, int len, uint8_t port, int node)
{
    (void)handle, (void)privdata, (void)buf, (void)len, (void)port, (void)node;
    messages++;
}

static void event(cman_handle_t handle, void *privdata, int reason, int arg)
{
    (void)handle, (void)reason;
    ++*(int *)privdata;
    (void)arg;
}

/* Memory that this process has resident, in kilobytes. */
static long resident(void)
{
    long pages = 0, ignored;
    FILE *file = fopen("/proc/self/statm", "r");

    CHECK(file != NULL);
    CHECK(fscanf(file, "%ld %ld", &ignored, &pages) == 2);
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void handles(int count)
{
    cman_handle_t *handles = calloc((size_t)count, sizeof(*handles));
    int *told = calloc((size_t)count, sizeof(*told));
    struct rlimit limit;
    int i;

    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    for (i = 0; i < count; i++) {
        handles[i] = opened(&told[i]);
        SUCCEEDS(cman_start_notification(handles[i], event));
    }
    CHECK(cman_get_subsys_count(handles[0]) >= count);
    for (i = 0; i < count; i++)
        RETURNS(1, cman_is_quorate(handles[i]));
    /* Each of them hears what happens. */
    {
        cman_handle_t admin = opened_for_admin(NULL);

        SUCCEEDS(cman_set_votes(admin, 2, CMAN_NODEID_US));
        SUCCEEDS(cman_finish(admin));
    }
    for (i = 0; i < count; i++)
        while (told[i] == 0)
            handle_one(handles[i]);
    for (i = 0; i < count; i++)
        SUCCEEDS(cman_finish(handles[i]));
    free(told);
    free(handles);
}

static void dispatches(long count)
{
    cman_handle_t handle = opened(NULL);
    long sent = 0, before = 0;

    SUCCEEDS(cman_start_recv_data(handle, data, 17));
    while (messages < count) {
        /* Some at a time, since one that reads nothing is let go. */
        for (; sent < count && sent < messages + 50; sent++)
            CHECK(cman_send_data(handle, "0123456789", 10, 0, 0, CMAN_NODEID_US) > 0);
        handle_one(handle);
        while (cman_dispatch(handle, CMAN_DISPATCH_ONE) > 0)
            ;
        if (before == 0 && messages > count / 10)
            before = resident();
    }
    if (resident() > before + 256)
        FAIL("grew from %ld to %ld kB", before, resident());
    SUCCEEDS(cman_finish(handle));
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "handles"))
        handles(atoi(argv[2]));
    else if (argc == 3 && !strcmp(argv[1], "dispatches"))
        dispatches(atol(argv[2]));
    else
        FAIL("handles N, or dispatches N");
    return 0;
}
