/* Binds a port, `deaf PORT`, and hears nothing until somebody wakes it: what was said meanwhile is
   too much, and it has been let go. Other handles of the same process have not. */
#include "check.h"

#include <signal.h>

static void data(cman_handle_t handle, void *privdata, char *buf, int len, uint8_t port, int node)
{
    (void)handle, (void)privdata, (void)buf, (void)len, (void)port, (void)node;
}

int main(int argc, char **argv)
{
    cman_handle_t handle = opened(NULL), other = opened(NULL);

    SUCCEEDS(cman_start_recv_data(handle, data, (uint8_t)(argc > 1 ? atoi(argv[1]) : 200)));
    puts("ready");
    fflush(stdout);
    raise(SIGSTOP);
    FAILS(EHOSTDOWN, cman_dispatch(handle, CMAN_DISPATCH_ALL | CMAN_DISPATCH_BLOCKING));
    FAILS(EHOSTDOWN, cman_is_active(handle));
    CHECK(is_readable(handle));
    RETURNS(1, cman_is_active(other));
    SUCCEEDS(cman_finish(handle));
    SUCCEEDS(cman_finish(other));
    return 0;
}
