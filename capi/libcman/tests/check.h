/* What the tests of libcman have in common. Each is a program that says nothing and returns 0, or
   says what is not as documented and returns 1. They need a daemon that serves, and its run
   directory in CMAN_RUN_DIR. */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <libcman.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Anything that takes longer than this does not come any more. */
#define PATIENCE_MS 20000

#define FAIL(...)                                                                              \
    do {                                                                                       \
        fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);                                        \
        fprintf(stderr, __VA_ARGS__);                                                          \
        fputc('\n', stderr);                                                                   \
        exit(1);                                                                               \
    } while (0)

/* Something is so. */
#define CHECK(what)                                                                            \
    do {                                                                                       \
        errno = 0;                                                                             \
        if (!(what))                                                                           \
            FAIL("not so: %s (errno: %s)", #what, strerror(errno));                            \
    } while (0)

/* A call returns this. */
#define RETURNS(expected, call)                                                                \
    do {                                                                                       \
        int returned_;                                                                         \
        errno = 0;                                                                             \
        returned_ = (call);                                                                    \
        if (returned_ != (expected))                                                           \
            FAIL("%s returned %d, not %d (errno: %s)", #call, returned_, (expected),           \
                 strerror(errno));                                                             \
    } while (0)

/* A call succeeds with 0. */
#define SUCCEEDS(call) RETURNS(0, call)

/* A call returns -1 and sets errno to this. */
#define FAILS(number, call)                                                                    \
    do {                                                                                       \
        int returned_;                                                                         \
        errno = 0;                                                                             \
        returned_ = (call);                                                                    \
        if (returned_ != -1 || errno != (number))                                              \
            FAIL("%s returned %d (errno: %s), not -1 (%s)", #call, returned_, strerror(errno), \
                 #number);                                                                     \
    } while (0)

/* Asks again and again until something is so. */
#define EVENTUALLY(what)                                                                       \
    do {                                                                                       \
        int tries_ = 0;                                                                        \
        while (!(what)) {                                                                      \
            if (++tries_ > PATIENCE_MS / 20)                                                   \
                FAIL("not even after %d ms: %s (errno: %s)", PATIENCE_MS, #what,               \
                     strerror(errno));                                                         \
            poll(NULL, 0, 20);                                                                 \
        }                                                                                      \
    } while (0)

/* A text that is too long wherever it is given. */
static inline char *too_long(void)
{
    static char text[1000];

    memset(text, 'x', sizeof(text) - 1);
    return text;
}

static inline cman_handle_t opened(void *privdata)
{
    cman_handle_t handle = cman_init(privdata);

    if (!handle)
        FAIL("cman_init: %s", strerror(errno));
    return handle;
}

static inline cman_handle_t opened_for_admin(void *privdata)
{
    cman_handle_t handle = cman_admin_init(privdata);

    if (!handle)
        FAIL("cman_admin_init: %s", strerror(errno));
    return handle;
}

static inline int is_readable(cman_handle_t handle)
{
    struct pollfd waits = {cman_get_fd(handle), POLLIN, 0};

    return poll(&waits, 1, 0) == 1;
}

/* Waits for one message and handles it, with the descriptor as programs do. */
static inline void handle_one(cman_handle_t handle)
{
    struct pollfd waits = {cman_get_fd(handle), POLLIN, 0};

    if (poll(&waits, 1, PATIENCE_MS) != 1)
        FAIL("nothing happens");
    if (cman_dispatch(handle, CMAN_DISPATCH_ONE) <= 0)
        FAIL("readable, and yet nothing to dispatch: %s", strerror(errno));
}

/* The id of the local node. */
static inline int own_id(cman_handle_t handle)
{
    cman_node_t node;

    memset(&node, 0, sizeof(node));
    SUCCEEDS(cman_get_node(handle, CMAN_NODEID_US, &node));
    return node.cn_nodeid;
}

#endif
