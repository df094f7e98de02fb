/* One of several that talk to each other: `peers NODES COUNT` on each of so many nodes waits for
   all of them, sends COUNT messages to all and one to each, and says in which order it got those
   that went to all. */
#include "check.h"

#define PORT 18

static unsigned long order = 5381;
static int to_all, to_us, us;

static void data(cman_handle_t handle, void *privdata, char *buf, int len, uint8_t port, int node)
{
    int number;

    (void)handle, (void)privdata;
    CHECK(port == PORT && len == sizeof(number));
    memcpy(&number, buf, sizeof(number));
    if (number < 0) {
        CHECK(-number == us);
        to_us++;
        return;
    }
    to_all++;
    order = order * 33 + (unsigned long)node;
    order = order * 33 + (unsigned long)number;
}

int main(int argc, char **argv)
{
    cman_handle_t handle = opened(NULL);
    int nodes = argc > 2 ? atoi(argv[1]) : 1, count = argc > 2 ? atoi(argv[2]) : 10;
    int node, sent = 0, number;

    us = own_id(handle);
    SUCCEEDS(cman_start_recv_data(handle, data, PORT));
    /* Not known yet, not listening yet, listening. */
    for (node = 1; node <= nodes; node++)
        EVENTUALLY(cman_is_listening(handle, node, PORT) == 1);
    /* All have seen all when all have come here. */
    SUCCEEDS(cman_barrier_register(handle, "peers", 0, nodes));
    SUCCEEDS(cman_barrier_wait(handle, "peers"));
    for (node = 1; node <= nodes; node++) {
        number = -node;
        CHECK(cman_send_data(handle, &number, sizeof(number), 0, PORT, node) > 0);
    }
    while (to_all < nodes * count || to_us < nodes) {
        if (sent < count) {
            CHECK(cman_send_data(handle, &sent, sizeof(sent), 0, PORT, 0) > 0);
            sent++;
            CHECK(cman_dispatch(handle, CMAN_DISPATCH_ALL) == 0);
        } else {
            handle_one(handle);
        }
    }
    CHECK(to_all == nodes * count && to_us == nodes);
    printf("%lu\n", order);
    SUCCEEDS(cman_finish(handle));
    return 0;
}
