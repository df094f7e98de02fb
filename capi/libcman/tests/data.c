/* Messages to ports, on one node alone. */
#include "check.h"

#include <signal.h>

/* What callbacks were told. */
struct told {
    int events, opened, closed, messages;
    int last_node;
    int last_port;
    int last_len;
    char last[1500];
    char order[100]; /* e for an event, d for data */
};

static void note(struct told *told, char what)
{
    size_t len = strlen(told->order);

    if (len + 1 < sizeof(told->order))
        told->order[len] = what;
}

static void event(cman_handle_t handle, void *privdata, int reason, int arg)
{
    struct told *told = privdata;

    (void)handle;
    told->events++;
    if (reason == CMAN_REASON_PORTOPENED)
        told->opened++;
    if (reason == CMAN_REASON_PORTCLOSED)
        told->closed++;
    told->last_node = arg;
    note(told, 'e');
}

static void data(cman_handle_t handle, void *privdata, char *buf, int len, uint8_t port, int node)
{
    struct told *told = privdata;

    (void)handle;
    if ((uintptr_t)buf % 4 != 0)
        FAIL("a message is not aligned");
    told->messages++;
    told->last_node = node;
    told->last_port = port;
    told->last_len = len;
    if (len < 0 || len > 1492)
        FAIL("a message of %d bytes", len);
    memcpy(told->last, buf, (size_t)len);
    /* It is ours to write into. */
    memset(buf, 0, (size_t)len);
    note(told, 'd');
}

/* Binding and letting go. */
static void binding(void)
{
    struct told told;
    cman_handle_t one, other;

    memset(&told, 0, sizeof(told));
    one = opened(&told);
    other = opened(&told);
    FAILS(EINVAL, cman_start_recv_data(one, data, 0));
    FAILS(EINVAL, cman_start_recv_data(one, NULL, 12));
    RETURNS(0, cman_is_listening(one, CMAN_NODEID_US, 12));
    SUCCEEDS(cman_start_notification(one, event));
    SUCCEEDS(cman_start_recv_data(one, data, 12));
    FAILS(EADDRINUSE, cman_start_recv_data(other, data, 12));
    FAILS(EINVAL, cman_start_recv_data(one, data, 13));
    /* Its own opening is told, with the node and not the port. */
    while (told.opened == 0)
        handle_one(one);
    CHECK(told.last_node == own_id(one));
    RETURNS(1, cman_is_listening(one, CMAN_NODEID_US, 12));
    RETURNS(1, cman_is_listening(other, own_id(one), 12));
    RETURNS(0, cman_is_listening(one, CMAN_NODEID_US, 13));
    FAILS(ENOENT, cman_is_listening(one, 99, 12));
    FAILS(ENOENT, cman_is_listening(one, -1, 12));
    /* Without a callback it is bound still. */
    SUCCEEDS(cman_end_recv_data(one));
    SUCCEEDS(cman_end_recv_data(one));
    RETURNS(1, cman_is_listening(one, CMAN_NODEID_US, 12));
    FAILS(EADDRINUSE, cman_start_recv_data(other, data, 12));
    SUCCEEDS(cman_start_recv_data(one, data, 12));
    SUCCEEDS(cman_finish(one));
    EVENTUALLY(cman_is_listening(other, CMAN_NODEID_US, 12) == 0);
    SUCCEEDS(cman_start_recv_data(other, data, 12));
    SUCCEEDS(cman_finish(other));
}

/* What is sent, and what comes. */
static void sending(void)
{
    struct told told;
    cman_handle_t one, other;
    char large[2000];
    int i, us;

    memset(&told, 0, sizeof(told));
    for (i = 0; i < (int)sizeof(large); i++)
        large[i] = (char)i;
    one = opened(&told);
    other = opened(NULL);
    us = own_id(one);
    /* Without a port of one's own there is none to take. */
    FAILS(EINVAL, cman_send_data(other, "x", 1, 0, 0, 0));
    SUCCEEDS(cman_start_recv_data(one, data, 13));
    CHECK(cman_send_data(one, "to all", 6, 0, 0, CMAN_NODEID_ALL) >= 6);
    while (told.messages < 1)
        handle_one(one);
    CHECK(told.last_len == 6 && memcmp(told.last, "to all", 6) == 0);
    CHECK(told.last_node == us && told.last_port == 13);
    /* To this node only, by somebody without a port. */
    CHECK(cman_send_data(other, "to one", 6, 0, 13, us) >= 6);
    while (told.messages < 2)
        handle_one(one);
    CHECK(memcmp(told.last, "to one", 6) == 0 && told.last_port == 0);
    /* Nothing at all, and as much as there may be. */
    RETURNS(28, cman_send_data(one, NULL, 0, 0, 13, 0));
    while (told.messages < 3)
        handle_one(one);
    CHECK(told.last_len == 0);
    RETURNS(1492 + 28, cman_send_data(one, large, 1492, 0, 13, us));
    while (told.messages < 4)
        handle_one(one);
    CHECK(told.last_len == 1492 && memcmp(told.last, large, 1492) == 0);
    FAILS(EINVAL, cman_send_data(one, large, 1493, 0, 13, 0));
    FAILS(EINVAL, cman_send_data(one, large, 1 << 30, 0, 13, 0));
    FAILS(EINVAL, cman_send_data(one, large, -1, 0, 13, 0));
    FAILS(EINVAL, cman_send_data(one, NULL, 1, 0, 13, 0));
    FAILS(EINVAL, cman_send_data(one, large, 1, 0, 13, -1));
    /* To nobody. */
    CHECK(cman_send_data(one, "x", 1, 0, 77, 0) > 0);
    CHECK(cman_send_data(one, "x", 1, 0, 13, 99) > 0);
    /* The flags of another time change nothing. */
    CHECK(cman_send_data(one, "a", 1, 0x1000000, 13, 0) > 0);
    CHECK(cman_send_data(one, "b", 1, 0x2000000, 13, 0) > 0);
    CHECK(cman_send_data(one, "c", 1, 0x4000000, 13, 0) > 0);
    while (told.messages < 7)
        handle_one(one);
    CHECK(told.last[0] == 'c');
    /* A message that nobody wants counts as handled. */
    SUCCEEDS(cman_end_recv_data(one));
    CHECK(cman_send_data(one, "x", 1, 0, 13, 0) > 0);
    handle_one(one);
    CHECK(told.messages == 7);
    SUCCEEDS(cman_finish(other));
    SUCCEEDS(cman_finish(one));
}

/* What is ignored stays, and the descriptor says so. */
static void ignoring(void)
{
    struct told told;
    cman_handle_t one, other;
    int fd;

    memset(&told, 0, sizeof(told));
    one = opened(&told);
    other = opened(NULL);
    fd = cman_get_fd(one);
    SUCCEEDS(cman_start_notification(one, event));
    SUCCEEDS(cman_start_recv_data(one, data, 14));
    while (told.opened < 1)
        handle_one(one);
    memset(&told, 0, sizeof(told));
    CHECK(cman_send_data(other, "1", 1, 0, 14, 0) > 0);
    CHECK(cman_send_data(other, "2", 1, 0, 14, 0) > 0);
    /* They are there when a question asked behind them is answered to their sender, and are told. */
    EVENTUALLY(is_readable(one));
    SUCCEEDS(cman_dispatch(one, CMAN_DISPATCH_ALL | CMAN_DISPATCH_IGNORE_DATA));
    CHECK(told.messages == 0);
    CHECK(is_readable(one));
    SUCCEEDS(cman_dispatch(one, CMAN_DISPATCH_ONE | CMAN_DISPATCH_IGNORE_DATA));
    CHECK(cman_dispatch(one, CMAN_DISPATCH_ONE | CMAN_DISPATCH_IGNORE_EVENT) > 0);
    CHECK(told.messages == 1 && told.last[0] == '1');
    while (told.messages < 2)
        handle_one(one);
    CHECK(told.last[0] == '2');
    CHECK(strcmp(told.order, "dd") == 0);
    CHECK(!is_readable(one));
    SUCCEEDS(cman_dispatch(one, CMAN_DISPATCH_ONE));
    SUCCEEDS(cman_dispatch(one, CMAN_DISPATCH_ALL));
    RETURNS(fd, cman_get_fd(one));
    SUCCEEDS(cman_finish(other));
    SUCCEEDS(cman_finish(one));
}

/* Inside a callback everything may be called, and more may be dispatched. */
static int depth, deepest, inside;

static void nesting_data(cman_handle_t handle, void *privdata, char *buf, int len, uint8_t port,
                         int node)
{
    cman_node_t nodes[4];
    cman_node_address_t address;
    int count;

    (void)privdata, (void)buf, (void)len, (void)port;
    inside++;
    depth++;
    if (depth > deepest)
        deepest = depth;
    CHECK(cman_is_quorate(handle) == 1);
    SUCCEEDS(cman_get_nodes(handle, 4, &count, nodes));
    SUCCEEDS(cman_get_node_addrs(handle, node, 1, &count, &address));
    SUCCEEDS(cman_replyto_shutdown(handle, 1));
    CHECK(cman_send_data(handle, "y", 1, 0, 99, 0) > 0);
    SUCCEEDS(cman_dispatch(handle, CMAN_DISPATCH_ALL));
    depth--;
}

static void nesting(void)
{
    cman_handle_t handle = opened(NULL);
    int i;

    SUCCEEDS(cman_start_recv_data(handle, nesting_data, 15));
    for (i = 0; i < 20; i++)
        CHECK(cman_send_data(handle, "x", 1, 0, 0, 0) > 0);
    while (inside < 20)
        handle_one(handle);
    CHECK(depth == 0);
    SUCCEEDS(cman_finish(handle));
}

static void finishing_data(cman_handle_t handle, void *privdata, char *buf, int len, uint8_t port,
                           int node)
{
    (void)privdata, (void)buf, (void)len, (void)port, (void)node;
    SUCCEEDS(cman_finish(handle));
    FAILS(EINVAL, cman_is_active(handle));
    inside = -1;
}

static void finishing(void)
{
    cman_handle_t handle = opened(NULL);

    SUCCEEDS(cman_start_recv_data(handle, finishing_data, 15));
    CHECK(cman_send_data(handle, "x", 1, 0, 0, 0) > 0);
    while (inside != -1) {
        struct pollfd waits = {cman_get_fd(handle), POLLIN, 0};

        CHECK(poll(&waits, 1, PATIENCE_MS) == 1);
        CHECK(cman_dispatch(handle, CMAN_DISPATCH_ONE) > 0);
    }
    FAILS(EINVAL, cman_dispatch(handle, CMAN_DISPATCH_ONE));
}

/* A signal ends waiting, with nothing lost. */
static void ignore_alarm(int number)
{
    (void)number;
}

static void blocking(void)
{
    struct told told;
    struct sigaction action;
    cman_handle_t handle;

    memset(&told, 0, sizeof(told));
    memset(&action, 0, sizeof(action));
    action.sa_handler = ignore_alarm;
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    handle = opened(&told);
    SUCCEEDS(cman_start_recv_data(handle, data, 16));
    SUCCEEDS(cman_start_notification(handle, event));
    while (told.opened < 1 && is_readable(handle))
        handle_one(handle);
    while (cman_dispatch(handle, CMAN_DISPATCH_ONE) > 0)
        ;
    alarm(1);
    SUCCEEDS(cman_dispatch(handle, CMAN_DISPATCH_BLOCKING));
    alarm(1);
    SUCCEEDS(cman_dispatch(handle, CMAN_DISPATCH_BLOCKING | CMAN_DISPATCH_ALL));
    CHECK(cman_send_data(handle, "x", 1, 0, 0, 0) > 0);
    CHECK(cman_dispatch(handle, CMAN_DISPATCH_BLOCKING) > 0);
    CHECK(told.messages == 1);
    SUCCEEDS(cman_finish(handle));
}

int main(void)
{
    binding();
    sending();
    ignoring();
    nesting();
    finishing();
    blocking();
    return 0;
}
