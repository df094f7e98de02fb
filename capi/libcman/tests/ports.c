/* Who binds a port and lets go of it. `ports watch` binds it and says what it hears of other nodes;
   `ports bind` binds it until nothing more is typed. */
#include "check.h"

#define PORT 21

static int us;

static void event(cman_handle_t handle, void *privdata, int reason, int arg)
{
    (void)handle, (void)privdata;
    if (arg == us)
        return;
    if (reason == CMAN_REASON_PORTOPENED)
        printf("opened %d\n", arg);
    if (reason == CMAN_REASON_PORTCLOSED)
        printf("closed %d\n", arg);
    fflush(stdout);
}

static void data(cman_handle_t handle, void *privdata, char *buf, int len, uint8_t port, int node)
{
    (void)handle, (void)privdata, (void)buf, (void)len, (void)port, (void)node;
}

int main(int argc, char **argv)
{
    cman_handle_t handle = opened(NULL);
    char typed;

    us = own_id(handle);
    SUCCEEDS(cman_start_notification(handle, event));
    SUCCEEDS(cman_start_recv_data(handle, data, PORT));
    puts("ready");
    fflush(stdout);
    if (argc > 1 && !strcmp(argv[1], "watch"))
        while (cman_dispatch(handle, CMAN_DISPATCH_ALL | CMAN_DISPATCH_BLOCKING) == 0)
            ;
    while (read(0, &typed, 1) > 0)
        ;
    SUCCEEDS(cman_finish(handle));
    return 0;
}
